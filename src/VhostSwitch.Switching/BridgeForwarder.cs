using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using VhostSwitch.Dataplane;
using VhostSwitch.Packets;

namespace VhostSwitch.Switching;

/// <summary>
/// Learning bridges (IEEE 802.1Q, 8): each learns every source address by VLAN, floods what it does not know, and never sends a frame back. The
/// plain case, one bridge whose ports carry all VLANs, is decided on here; what has VLAN modes, mirrors or patches is <see cref="NormalAction"/>'s.
/// </summary>
public sealed unsafe class BridgeForwarder : Forwarder
{
    /// <summary>How long an address is remembered without being seen, in seconds: the standard's recommendation and everyone's default.</summary>
    public const int AgeSeconds = 300;

    // Both addresses and the type.
    private static Vector128<byte> HeaderBytes => Vector128.Create(ulong.MaxValue, (1UL << 48) - 1).AsByte();

    private BridgeSet _bridges;

    // What has to be forgotten when a port goes; the control thread's.
    private IReadOnlyList<MacTable> _tables;

    /// <summary>One bridge of all ports: <c>--mode bridge</c>.</summary>
    /// <param name="table">Its addresses.</param>
    public BridgeForwarder(MacTable table)
    {
        _bridges = BridgeSet.OfAllPorts(table);
        _tables = [table];
    }

    /// <summary>
    /// Has frames go by other bridges from now on. For the control thread, which waits for the poll threads before it frees what belongs to the
    /// bridges before.
    /// </summary>
    /// <param name="bridges">The bridges.</param>
    /// <param name="tables">Their addresses.</param>
    public void Publish(BridgeSet bridges, IReadOnlyList<MacTable> tables)
    {
        _tables = tables;
        Volatile.Write(ref _bridges, bridges);
    }

    /// <inheritdoc/>
    public override void Decide(Burst burst, ushort source)
    {
        var bridges = Volatile.Read(ref _bridges);
        if (bridges.Plain is { } bridge) DecidePlain(burst, source, bridges, bridge);
        else DecideEach(burst, source, bridges);
    }

    /// <inheritdoc/>
    public override void Forget(ushort id)
    {
        foreach (var table in _tables)
            table.Forget(id);
    }

    private static void DecidePlain(Burst burst, ushort source, BridgeSet bridges, Bridge bridge)
    {
        var table = bridge.Table;
        // A burst is mostly one conversation: the last answers serve again.
        ulong lastSource = 0, lastDestination = 0;
        ushort lastOutput = 0;
        for (int i = 0; i < burst.Count; i++)
        {
            var frame = burst.Frames + i;
            if (frame->Output != Frame.Undecided) continue;
            var snapshot = frame->Snapshot;
            ushort vlan = VlanTags.VlanOf(frame);
            bool isUntagged = vlan == 0;
            ulong sourceKey = MacTable.Key(Ethernet.Source(snapshot), vlan);
            if (sourceKey != lastSource)
            {
                // No key that is remembered has this VLAN.
                if (vlan == VlanTags.Unclear)
                {
                    if (!TryClarify(bridges, burst, i, source)) continue;
                    vlan = 0;
                    sourceKey = MacTable.Key(Ethernet.Source(snapshot), vlan);
                }
                lastSource = sourceKey;
                if ((sourceKey & MacAddress.GroupBit) == 0) table.Learn(sourceKey, source);
            }
            ulong destination = Ethernet.Destination(snapshot);
            ulong destinationKey = MacTable.Key(destination, vlan);
            if (destinationKey != lastDestination)
            {
                lastDestination = destinationKey;
                lastOutput = Output(bridge, destination, destinationKey, source);
            }
            frame->Output = lastOutput;
            if (isUntagged) i = Repeat(burst, i);
        }
    }

    // Frames behind an untagged one with the same addresses and type go where it goes. Returns the last of them.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Repeat(Burst burst, int i)
    {
        var frames = burst.Frames;
        int count = burst.Count;
        ushort output = frames[i].Output;
        var header = frames[i].Snapshot & HeaderBytes;
        while (i + 1 < count && (frames[i + 1].Snapshot & HeaderBytes) == header && frames[i + 1].Output == Frame.Undecided)
            frames[++i].Output = output;
        return i;
    }

    private static void DecideEach(Burst burst, ushort source, BridgeSet bridges)
    {
        var port = bridges.PortOf(source);
        port?.Policer?.Police(burst);
        for (int i = 0; i < burst.Count; i++)
        {
            if (burst.Frames[i].Output == Frame.Undecided) DecideOn(bridges, burst, i, port);
        }
    }

    private static void DecideOn(BridgeSet bridges, Burst burst, int i, BridgePort? port)
    {
        // A port of no bridge has no queue for long.
        if (port is null) burst.Frames[i].Drop(DropReason.UnknownDestination);
        else NormalAction.Decide(bridges, burst, i, port);
    }

    // True for a frame of VLAN 0 that goes as it is; the others are decided on.
    private static bool TryClarify(BridgeSet bridges, Burst burst, int i, ushort source)
    {
        if (!bridges.HasAllPorts)
        {
            DecideOn(bridges, burst, i, bridges.PortOf(source));
            return false;
        }
        bool isWhole = !VlanTags.IsTruncated(burst.Frames + i);
        if (!isWhole) burst.Frames[i].Drop(DropReason.TruncatedTag);
        return isWhole;
    }

    private static ushort Output(Bridge bridge, ulong destination, ulong key, ushort source)
    {
        if ((destination & MacAddress.GroupBit) != 0)
        {
            return !bridge.ForwardsReserved && ReservedAddresses.IsReservedGroup(destination)
                ? Frame.DroppedFor(DropReason.ReservedGroup) : Frame.Flood;
        }
        ushort port = bridge.Table.Find(key);
        if (port == MacTable.NoPort)
        {
            return !bridge.ForwardsReserved && ReservedAddresses.IsReservedDevice(destination)
                ? Frame.DroppedFor(DropReason.ReservedGroup) : Frame.Flood;
        }
        return port == source ? Frame.DroppedFor(DropReason.SamePort) : port;
    }
}
