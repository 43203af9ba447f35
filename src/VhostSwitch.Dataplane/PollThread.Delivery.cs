namespace VhostSwitch.Dataplane;

/// <content>A burst that was decided on, to the ports that its frames are for. On the poll thread alone.</content>
public sealed unsafe partial class PollThread
{
    private void Deliver(Burst burst, InputQueue input, Topology topology)
    {
        var frames = burst.Frames;
        ushort first = frames[0].Output;
        // Flood is the one above Routed.
        bool flood = first >= Frame.Routed, same = true;
        int work = Frame.WorkOn(frames);
        for (int i = 1; i < burst.Count; i++)
        {
            same &= frames[i].Output == first;
            flood |= frames[i].Output >= Frame.Routed;
            work |= Frame.WorkOn(frames + i);
        }
        burst.HasWork = work != 0;
        if (flood && burst.Routes!.Count > 0) DeliverRoutes(burst, input, topology);
        else if (flood) DeliverToAll(burst, input, topology);
        else if (same) DeliverTo(first, burst, burst.Everything, burst.Count, input, topology);
        else DeliverToSome(burst, input, topology);
    }

    // Every port in turn, so that a flooded frame keeps its place among those for one port alone.
    private void DeliverToAll(Burst burst, InputQueue input, Topology topology)
    {
        bool offered = false;
        foreach (var port in topology.Attached)
        {
            offered |= port.Id != input.PortId && port.Outputs.Length > 0;
            int count = 0;
            for (int i = 0; i < burst.Count; i++)
            {
                ushort output = burst.Frames[i].Output;
                if (output == port.Id || (output == Frame.Flood && port.Id != input.PortId)) burst.Selection[count++] = (ushort)i;
            }
            if (count > 0) DeliverTo(port.Id, burst, burst.Selection, count, input, topology);
        }
        for (int i = 0; i < burst.Count; i++)
        {
            ref var frame = ref burst.Frames[i];
            if (frame.Output == Frame.Flood && !offered) frame.Drop(DropReason.UnknownDestination);
            else if (frame.Output < Frame.Dropped && topology.Find(frame.Output) is null) frame.Drop(DropReason.ReceiverDown);
        }
    }

    private void DeliverToSome(Burst burst, InputQueue input, Topology topology)
    {
        uint done = 0;
        for (int i = 0; i < burst.Count; i++)
        {
            if ((done >> i & 1) != 0) continue;
            ushort output = burst.Frames[i].Output;
            int count = 0;
            for (int j = i; j < burst.Count; j++)
            {
                if (burst.Frames[j].Output != output) continue;
                done |= 1u << j;
                burst.Selection[count++] = (ushort)j;
            }
            DeliverTo(output, burst, burst.Selection, count, input, topology);
        }
    }

    private void DeliverTo(ushort output, Burst burst, ushort* which, int count, InputQueue input, Topology topology)
    {
        if (output >= Frame.Dropped) return;
        var port = topology.Find(output);
        var outputs = port is null ? default : port.Outputs;
        if (outputs.Length == 0)
        {
            // Counted with the sender: a port that is down has no queue to count with. A frame that goes to many is not lost by it.
            for (int i = 0; i < count; i++)
            {
                ref var frame = ref burst.Frames[which[i]];
                if (frame.Output == output) frame.Drop(DropReason.ReceiverDown);
            }
            return;
        }
        if (outputs.Length == 1) DeliverToQueue(outputs[0], port!, burst, which, count);
        else DeliverToQueues(port!, outputs, burst, which, count, input, topology);
    }

    private int Send(OutputQueue queue, Burst burst, ushort* which, int count)
    {
        if (!Volatile.Read(ref _sharesOutputs)) return queue.Send(burst, which, count);
        queue.Enter();
        int sent = queue.Send(burst, which, count);
        queue.Exit();
        return sent;
    }

    // The counters of an output belong to whoever holds it.
    private void DropForFull(OutputQueue queue, int count)
    {
        bool shares = Volatile.Read(ref _sharesOutputs);
        if (shares) queue.Enter();
        queue.Counters->Drop(DropReason.ReceiverFull, (uint)count);
        if (shares) queue.Exit();
    }

    private void CountRetry(OutputQueue queue)
    {
        bool shares = Volatile.Read(ref _sharesOutputs);
        if (shares) queue.Enter();
        queue.Counters->Retries++;
        if (shares) queue.Exit();
    }

    private static void Account(Burst burst, QueueCounters* counters)
    {
        ulong bytes = 0, delivered = 0;
        for (int i = 0; i < burst.Count; i++)
        {
            ref var frame = ref burst.Frames[i];
            bytes += frame.Length;
            if (frame.Delivered) delivered++;
            else if (frame.Output >= Frame.Dropped && frame.Output < Frame.Routed) counters->Drop((DropReason)(byte)frame.Output);
        }
        counters->Frames += (ulong)burst.Count;
        counters->Bytes += bytes;
        counters->Delivered += delivered;
        counters->Bursts++;
    }
}
