using VhostSwitch.Dataplane;
using VhostSwitch.Packets;

namespace VhostSwitch.Switching;

/// <summary>
/// What DPDK's vhost sample does among its guests (<c>--mode vmdq</c> with <c>--vm2vm 1</c>): a device has the one address of
/// its first frame, known addresses are switched, broadcasts go to every other device, and everything else is for the uplink.
/// </summary>
public sealed unsafe class VmdqForwarder(MacTable table) : Forwarder
{
    // The address each port has registered with, as a key; 0 for none. Written by the poll thread that owns the port's queue.
    private readonly ulong[] _registered = new ulong[Topology.MaxPorts];

    /// <inheritdoc/>
    public override void Decide(Burst burst, ushort source)
    {
        bool registered = Volatile.Read(ref _registered[source]) != 0;
        for (int i = 0; i < burst.Count; i++)
        {
            var frame = burst.Frames + i;
            if (frame->Output != Frame.Undecided) continue;
            if (!registered && !(registered = Register(frame, source)))
            {
                frame->Drop(DropReason.NotRegistered);
                continue;
            }
            frame->Output = Output(Ethernet.Destination(frame->Snapshot), source);
        }
    }

    /// <inheritdoc/>
    public override void Forget(ushort id)
    {
        table.Forget(id);
        Volatile.Write(ref _registered[id], 0);
    }

    private bool Register(Frame* frame, ushort source)
    {
        ulong key = MacTable.Key(Ethernet.Source(frame->Snapshot), 0);
        if ((key & MacAddress.GroupBit) != 0 || !table.TryClaim(key, source)) return false;
        Volatile.Write(ref _registered[source], key);
        return true;
    }

    private ushort Output(ulong destination, ushort source)
    {
        if (destination == MacAddress.Mask) return Frame.Flood;
        ushort port = (destination & MacAddress.GroupBit) != 0 ? MacTable.NoPort : table.Find(MacTable.Key(destination, 0));
        if (port == MacTable.NoPort) return Frame.DroppedFor(DropReason.UnknownDestination);
        return port == source ? Frame.DroppedFor(DropReason.SamePort) : port;
    }
}
