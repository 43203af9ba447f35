using VhostSwitch.Dataplane;
using VhostSwitch.Packets;

namespace VhostSwitch.Switching;

/// <summary>
/// An ordinary learning bridge (IEEE 802.1Q, 8): learns every source address by VLAN, floods what it does not know, and never
/// sends a frame back. <c>--mode bridge</c>.
/// </summary>
public sealed unsafe class BridgeForwarder(MacTable table) : Forwarder
{
    /// <summary>How long an address is remembered without being seen, in seconds: the standard's recommendation and everyone's default.</summary>
    public const int AgeSeconds = 300;

    // 01-80-c2-00-00-00 to -0f are for the neighbouring bridge and never forwarded (IEEE 802.1Q, 8.6.3). First byte lowest.
    private const ulong ReservedGroup = 0x0000_00c2_8001;
    private const ulong ReservedGroupMask = 0xf0ff_ffff_ffff;

    /// <inheritdoc/>
    public override void Decide(Burst burst, ushort source)
    {
        // A burst is mostly one conversation: the last answers serve again.
        ulong lastSource = 0, lastDestination = 0;
        ushort lastOutput = 0;
        for (int i = 0; i < burst.Count; i++)
        {
            var frame = burst.Frames + i;
            if (frame->Output != Frame.Undecided) continue;
            var snapshot = frame->Snapshot;
            ushort vlan = Ethernet.VlanId(snapshot);
            ulong sourceKey = MacTable.Key(Ethernet.Source(snapshot), vlan);
            if (sourceKey != lastSource)
            {
                lastSource = sourceKey;
                if ((sourceKey & MacAddress.GroupBit) == 0) table.Learn(sourceKey, source);
            }
            ulong destination = Ethernet.Destination(snapshot);
            ulong destinationKey = MacTable.Key(destination, vlan);
            if (destinationKey != lastDestination)
            {
                lastDestination = destinationKey;
                lastOutput = Output(destination, destinationKey, source);
            }
            frame->Output = lastOutput;
        }
    }

    /// <inheritdoc/>
    public override void Forget(ushort id) => table.Forget(id);

    private ushort Output(ulong destination, ulong key, ushort source)
    {
        if ((destination & MacAddress.GroupBit) != 0)
            return (destination & ReservedGroupMask) == ReservedGroup ? Frame.DroppedFor(DropReason.ReservedGroup) : Frame.Flood;
        ushort port = table.Find(key);
        if (port == MacTable.NoPort) return Frame.Flood;
        return port == source ? Frame.DroppedFor(DropReason.SamePort) : port;
    }
}
