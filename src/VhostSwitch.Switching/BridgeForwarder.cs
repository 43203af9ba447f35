using System.Numerics;
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
    public override IReadOnlyList<Type> Code =>
        [typeof(BridgeForwarder), typeof(MacTable), typeof(MacKeys), typeof(VlanTags), typeof(VlanHeader), typeof(ReservedAddresses), typeof(NormalAction)];

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

    // A burst is mostly one conversation: what was found for its first frame holds for those like it, and only the others are looked up.
    private static void DecidePlain(Burst burst, ushort source, BridgeSet bridges, Bridge bridge)
    {
        var first = burst.Frames;
        int decided = 0;
        if (first->Output == Frame.Undecided && VlanTags.VlanOf(first) == 0)
        {
            MacKeys keys;
            MacKeys.Write(first->Snapshot, vlan: 0, &keys);
            Learn(bridge.Table, keys.Source, source);
            first->Output = Output(bridge, keys.Destination, source);
            decided = Repeat(burst, 0) + 1;
        }
        if (decided < burst.Count) DecideMany(burst, decided, source, bridges, bridge);
    }

    // Step by step for all of them, so that the loads of one frame's entries do not wait for another's.
    [SkipLocalsInit]
    private static void DecideMany(Burst burst, int from, ushort source, BridgeSet bridges, Bridge bridge)
    {
        MacKeys* keys = stackalloc MacKeys[Burst.MaxFrames];
        var frames = burst.Frames + from;
        int count = burst.Count - from;
        for (uint others = WriteKeys(frames, keys, count); others != 0; others &= others - 1)
        {
            int i = BitOperations.TrailingZeroCount(others);
            WriteKeys(bridges, burst, from + i, source, keys + i);
        }
        for (uint others = bridge.Table.Forward(frames, keys, count, source); others != 0; others &= others - 1)
        {
            int i = BitOperations.TrailingZeroCount(others);
            Learn(bridge.Table, keys[i].Source, source);
            if (frames[i].Output == Frame.Undecided) frames[i].Output = Output(bridge, keys[i].Destination, source);
        }
    }

    // Of those that are plain; returns a bit for each of the others.
    private static uint WriteKeys(Frame* frames, MacKeys* keys, int count)
    {
        uint others = 0;
        for (int i = 0; i < count; i++)
        {
            if (frames[i].Output == Frame.Undecided && VlanTags.VlanOf(frames + i) == 0) MacKeys.Write(frames[i].Snapshot, vlan: 0, keys + i);
            else others |= 1u << i;
        }
        return others;
    }

    // Of a frame that has a tag, or is decided on already.
    private static void WriteKeys(BridgeSet bridges, Burst burst, int i, ushort source, MacKeys* keys)
    {
        var frame = burst.Frames + i;
        ushort vlan = VlanTags.VlanOf(frame);
        if (vlan == VlanTags.Unclear && frame->Output == Frame.Undecided && TryClarify(bridges, burst, i, source)) vlan = 0;
        if (frame->Output == Frame.Undecided) MacKeys.Write(frame->Snapshot, vlan, keys);
        else *keys = MacKeys.None;
    }

    private static void Learn(MacTable table, ulong key, ushort source)
    {
        if ((key & MacAddress.GroupBit) == 0) table.Learn(key, source);
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

    private static ushort Output(Bridge bridge, ulong key, ushort source)
    {
        bool isGroup = (key & MacAddress.GroupBit) != 0;
        ushort port = isGroup ? MacTable.NoPort : bridge.Table.Find(key);
        if (port == source) return Frame.DroppedFor(DropReason.SamePort);
        if (port != MacTable.NoPort) return port;
        ulong address = key & MacAddress.Mask;
        bool isReserved = isGroup ? ReservedAddresses.IsReservedGroup(address) : ReservedAddresses.IsReservedDevice(address);
        return isReserved && !bridge.ForwardsReserved ? Frame.DroppedFor(DropReason.ReservedGroup) : Frame.Flood;
    }
}
