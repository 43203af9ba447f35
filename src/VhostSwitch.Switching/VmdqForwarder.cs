using VhostSwitch.Dataplane;
using VhostSwitch.Packets;

namespace VhostSwitch.Switching;

/// <summary>
/// What DPDK's vhost sample does (<c>--mode vmdq</c>): a device has the one address of its first frame and a VLAN tag; known addresses are
/// switched as <see cref="Vm2Vm"/> says, everything else is for the uplink, and a frame from there reaches a device when address and tag are
/// both the device's.
/// </summary>
public sealed unsafe class VmdqForwarder(VmdqPools pools, VmdqOptions options) : Forwarder
{
    /// <inheritdoc/>
    public override IReadOnlyList<Type> Code => [typeof(VmdqForwarder), typeof(VmdqPools), typeof(MacTable)];

    /// <inheritdoc/>
    public override void Decide(Burst burst, ushort source)
    {
        ushort uplink = pools.Uplink;
        if (source == uplink) DecideFromUplink(burst);
        else DecideFromDevice(burst, source, uplink);
    }

    /// <inheritdoc/>
    public override void Forget(ushort id) => pools.Remove(id);

    private void DecideFromUplink(Burst burst)
    {
        for (int i = 0; i < burst.Count; i++)
        {
            var frame = burst.Frames + i;
            if (frame->Output != Frame.Undecided) continue;
            ushort port = VlanTag.IsOn(frame) ? pools.PortOf(Ethernet.VlanId(frame->Snapshot)) : VmdqPools.None;
            ulong destination = Ethernet.Destination(frame->Snapshot);
            bool taken = (destination & MacAddress.GroupBit) != 0 ? options.Promiscuous : pools.PortWith(destination) == port;
            if (port == VmdqPools.None || !taken)
            {
                frame->Drop(DropReason.PoolMismatch);
                continue;
            }
            if (options.StripsTags) VlanTag.Pop(burst, i);
            frame->Output = port;
        }
    }

    private void DecideFromDevice(Burst burst, ushort source, ushort uplink)
    {
        bool registered = pools.HasAddress(source);
        ushort elsewhere = uplink == VmdqPools.None ? Frame.DroppedFor(DropReason.UnknownDestination) : uplink;
        for (int i = 0; i < burst.Count; i++)
        {
            var frame = burst.Frames + i;
            if (frame->Output != Frame.Undecided) continue;
            if (!registered && !(registered = pools.TryRegister(source, Ethernet.Source(frame->Snapshot))))
            {
                frame->Drop(DropReason.NotRegistered);
                continue;
            }
            ulong destination = Ethernet.Destination(frame->Snapshot);
            if (options.Vm2Vm == Vm2Vm.Off) frame->Output = elsewhere;
            else if (destination == MacAddress.Mask) frame->Output = Frame.Flood;
            else if ((destination & MacAddress.GroupBit) != 0) frame->Output = elsewhere;
            else
            {
                ushort port = pools.PortWith(destination);
                if (port == VmdqPools.None) frame->Output = elsewhere;
                else if (port == source) frame->Drop(DropReason.SamePort);
                else if (options.Vm2Vm == Vm2Vm.Software) frame->Output = port;
                else Reflect(burst, i, port);
            }
        }
    }

    // As the uplink's own switch would: out with the receiver's tag, and back into its pool.
    private void Reflect(Burst burst, int i, ushort port)
    {
        var frame = burst.Frames + i;
        bool tagged = VlanTag.IsOn(frame);
        if (options.StripsTags)
        {
            if (tagged) VlanTag.Pop(burst, i);
        }
        else if (tagged) VlanTag.Set(frame, pools.TagOf(port));
        else VlanTag.Push(burst, i, pools.TagOf(port));
        frame->Output = port;
    }
}
