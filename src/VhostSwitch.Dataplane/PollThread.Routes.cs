namespace VhostSwitch.Dataplane;

/// <content>Frames that leave by several ports, or otherwise than they came in. On the poll thread alone.</content>
public sealed unsafe partial class PollThread
{
    // Port by port, so that each port gets its frames in the order in which they came.
    private void DeliverRoutes(Burst burst, InputQueue input, Topology topology)
    {
        var routes = burst.Routes!;
        routes.Complete(burst, topology);
        uint offered = 0;
        foreach (ushort port in routes.Ports)
            offered |= DeliverRoutesBy(port, burst, input, topology);
        routes.Clear();
        for (int i = 0; i < burst.Count; i++)
        {
            ref var frame = ref burst.Frames[i];
            if (frame.Output is Frame.Routed or Frame.Flood && (offered >> i & 1) == 0) frame.Drop(DropReason.UnknownDestination);
        }
    }

    // The frames that a port was there for, a bit each.
    private uint DeliverRoutesBy(ushort port, Burst burst, InputQueue input, Topology topology)
    {
        var routes = burst.Routes!;
        var chosen = stackalloc int[Burst.MaxFrames];
        uint frames = 0;
        int count = 0;
        bool changes = false;
        for (int r = routes.FirstBy(port); r >= 0; r = routes.At(r)->Next)
        {
            ushort frame = routes.At(r)->Frame;
            // The same frame by the same port once more is another frame there.
            if (count > 0 && burst.Selection[count - 1] == frame)
            {
                DeliverSelection(port, changes ? chosen : null, count, burst, input, topology);
                count = 0;
                changes = false;
            }
            frames |= 1u << frame;
            changes |= !routes.At(r)->IsPlain;
            chosen[count] = r;
            burst.Selection[count++] = frame;
        }
        DeliverSelection(port, changes ? chosen : null, count, burst, input, topology);
        return topology.Find(port) is { Outputs.Length: > 0 } ? frames : 0;
    }

    private void DeliverSelection(ushort port, int* chosen, int count, Burst burst, InputQueue input, Topology topology)
    {
        if (chosen == null) DeliverTo(port, burst, burst.Selection, count, input, topology);
        else DeliverChanged(port, chosen, count, burst, input, topology);
    }

    // The frames of the selection, each as its route has it, and afterwards as it was: it may leave by other ports too.
    private void DeliverChanged(ushort port, int* chosen, int count, Burst burst, InputQueue input, Topology topology)
    {
        var routes = burst.Routes!;
        var before = stackalloc Frame[Burst.MaxFrames];
        var tags = stackalloc SegmentChange[Burst.MaxFrames];
        var cuts = stackalloc SegmentChange[Burst.MaxFrames];
        uint changed = 0;
        for (int i = 0; i < count; i++)
        {
            var route = routes.At(chosen[i]);
            if (route->IsPlain) continue;
            changed |= 1u << i;
            var frame = burst.Frames + burst.Selection[i];
            before[i] = *frame;
            tags[i] = VlanTag.Replace(burst, burst.Selection[i], route->Popped, route->Pushed, route->Outer, route->Inner);
            cuts[i] = route->SnapLength == 0 ? default : SegmentChange.Cut(burst, frame, route->SnapLength);
        }
        DeliverTo(port, burst, burst.Selection, count, input, topology);
        for (int i = 0; changed != 0; i++, changed >>= 1)
        {
            if ((changed & 1) == 0) continue;
            var frame = burst.Frames + burst.Selection[i];
            before[i].Delivered = frame->Delivered;
            before[i].Output = frame->Output;
            cuts[i].Undo(burst);
            tags[i].Undo(burst);
            *frame = before[i];
        }
    }
}
