using VhostSwitch.Packets;

namespace VhostSwitch.Dataplane;

/// <content>Which of a port's queues a frame leaves by. On the poll thread alone.</content>
public sealed unsafe partial class PollThread
{
    // The sender has as many queues as the receiver, or more: it has spread its flows itself, and a queue of it stays on one of the receiver's.
    // Otherwise frames are spread here by flow; a flow changes its queue only when the receiver has more or fewer of them.
    private void DeliverToQueues(Port port, ReadOnlySpan<OutputQueue> outputs, Burst burst, ushort* which, int count, InputQueue input, Topology topology)
    {
        int senders = topology.Find(input.PortId)?.Inputs.Length ?? 1;
        if (senders >= outputs.Length)
        {
            DeliverToQueue(outputs[input.Index % outputs.Length], port, burst, which, count);
            return;
        }
        var queues = stackalloc int[Burst.MaxFrames];
        for (int i = 0; i < count; i++)
        {
            var frame = burst.Frames + which[i];
            queues[i] = (int)(((ulong)FlowHash.Of(frame->Snapshot, frame->Data, frame->DataLength) * (uint)outputs.Length) >> 32);
        }
        var selection = stackalloc ushort[Burst.MaxFrames];
        uint done = 0;
        for (int i = 0; i < count; i++)
        {
            if ((done >> i & 1) != 0) continue;
            int selected = 0;
            for (int j = i; j < count; j++)
            {
                if (queues[j] != queues[i]) continue;
                done |= 1u << j;
                selection[selected++] = which[j];
            }
            DeliverToQueue(outputs[queues[i]], port, burst, selection, selected);
        }
    }

    private void DeliverToQueue(OutputQueue queue, Port port, Burst burst, ushort* which, int count)
    {
        if (port.MergesSegments && count > 1) OfferMerged(queue, burst, which, count);
        else if (burst.HasWork) OfferFinished(queue, burst, which, count);
        else Offer(queue, burst, which, count);
        if (queue.NotificationOpen) KeepOpen(queue);
    }
}
