namespace VhostSwitch.Dataplane;

/// <content>Frames that leave by several ports, or otherwise than they came in.</content>
public sealed unsafe partial class PollThread
{
    // Port by port, so that each port gets its frames in the order in which they came.
    private void DeliverRoutes(Burst burst, InputQueue input, Topology topology)
    {
        var routes = burst.Routes!;
        routes.Complete(burst, topology);
        var chosen = stackalloc int[Burst.MaxFrames];
        uint offered = 0;
        foreach (ushort port in routes.Ports)
        {
            bool takes = topology.Find(port) is { Outputs.Length: > 0 };
            int count = 0;
            for (int r = routes.FirstBy(port); r >= 0; r = routes.At(r)->Next)
            {
                ushort frame = routes.At(r)->Frame;
                if (takes) offered |= 1u << frame;
                // The same frame by the same port once more is another frame there.
                if (count > 0 && burst.Selection[count - 1] == frame)
                {
                    DeliverChanged(port, chosen, count, burst, input, topology);
                    count = 0;
                }
                chosen[count] = r;
                burst.Selection[count++] = frame;
            }
            DeliverChanged(port, chosen, count, burst, input, topology);
        }
        routes.Clear();
        for (int i = 0; i < burst.Count; i++)
        {
            ref var frame = ref burst.Frames[i];
            if (frame.Output is Frame.Routed or Frame.Flood && (offered >> i & 1) == 0) frame.Drop(DropReason.UnknownDestination);
        }
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
