using System.Numerics;
using VhostSwitch.Dataplane;
using VhostSwitch.Packets;

namespace VhostSwitch.Switching;

/// <summary>
/// What becomes of one frame in bridges with VLANs, mirrors and patches: Open vSwitch's action NORMAL. Every copy of it is a
/// <see cref="FrameRoute"/>; a frame that leaves once, and as it came in, goes by <see cref="Frame.Output"/> alone.
/// </summary>
/// <remarks>A patch leads into the next bridge at once, where the frame is learned and looked up anew. Runs on poll threads.</remarks>
internal unsafe ref struct NormalAction
{
    // Open vSwitch's limit. A frame beyond it goes round in circles.
    private const int MostPatches = 64;

    private readonly BridgeSet _bridges;
    private readonly FrameRoutes _routes;
    private readonly ulong _destination;
    private readonly ulong _source;

    // The frame's tags as they lie in it, and how many.
    private readonly uint _outer;
    private readonly uint _inner;
    private readonly int _tagCount;

    // Where it is now: the mirrors of this bridge that have had it, and how much of it those get.
    private uint _mirrored;
    private ushort _snapLength;
    private int _patches;
    private DropReason _reason;
    private bool _failed;

    private NormalAction(BridgeSet bridges, Burst burst, Frame* frame)
    {
        _bridges = bridges;
        _routes = burst.Routes!;
        _destination = Ethernet.Destination(frame->Snapshot);
        _source = Ethernet.Source(frame->Snapshot);
        VlanTags.Read(burst, frame, bridges.TagsRead, out _outer, out _inner);
        _tagCount = _outer == 0 ? 0 : _inner == 0 ? 1 : 2;
        _reason = DropReason.UnknownDestination;
    }

    /// <summary>Decides on a frame.</summary>
    /// <param name="bridges">The bridges.</param>
    /// <param name="burst">The loan.</param>
    /// <param name="i">The frame's position in it.</param>
    /// <param name="port">The port it came in by.</param>
    public static void Decide(BridgeSet bridges, Burst burst, int i, BridgePort port)
    {
        var frame = burst.Frames + i;
        if (VlanTags.IsTruncated(frame))
        {
            frame->Drop(DropReason.TruncatedTag);
            return;
        }
        var action = new NormalAction(bridges, burst, frame);
        action._routes.Begin(i);
        var came = new VlanTags();
        if (action._outer != 0) came.Outer = VlanHeader.Of(action._outer);
        if (action._inner != 0) came.Inner = VlanHeader.Of(action._inner);
        action.Enter(port, came);
        frame->Output = action.Conclude();
    }

    private ushort Conclude()
    {
        if (_failed)
        {
            _routes.Discard();
            return Frame.DroppedFor(DropReason.ForwardingLoop);
        }
        int count = _routes.CountOfFrame;
        if (count == 0) return Frame.DroppedFor(_reason);
        if (count > 1 || !_routes.OfFrame(0).IsPlain) return Frame.Routed;
        ushort port = _routes.OfFrame(0).Port;
        _routes.Discard();
        return port;
    }

    private void Enter(BridgePort from, in VlanTags came)
    {
        if (from.IsMirrorOutput)
        {
            _reason = DropReason.MirrorOutput;
            return;
        }
        // Open vSwitch mirrors what comes in by a port with queues, and not by a patch.
        if (_patches == 0) MirrorTo(from, came, from.SourceMirrors);
        if (!from.Takes(came))
        {
            _reason = DropReason.VlanNotCarried;
            return;
        }
        var bridge = from.Bridge;
        bool isGroup = (_destination & MacAddress.GroupBit) != 0;
        if (!bridge.ForwardsReserved && IsReserved(isGroup))
        {
            _reason = DropReason.ReservedGroup;
            return;
        }
        var inside = from.Inside(came);
        ushort vlan = inside.Outer.Vlan;
        bool learns = bridge.Learns(vlan);
        if (learns && (_source & MacAddress.GroupBit) == 0) bridge.Table.Learn(MacTable.Key(_source, vlan), from.Id);
        ushort found = isGroup || !learns ? MacTable.NoPort : bridge.Table.Find(MacTable.Key(_destination, vlan));
        var to = found == MacTable.NoPort ? null : _bridges.PortOf(found);
        if (to is null || to.Bridge != bridge) Flood(from, inside, came);
        else if (to == from) _reason = DropReason.SamePort;
        else if (to.IsProtected && from.IsProtected) _reason = DropReason.Protected;
        else Leave(to, inside, came);
    }

    private readonly bool IsReserved(bool isGroup) =>
        isGroup ? ReservedAddresses.IsReservedGroup(_destination) : ReservedAddresses.IsReservedDevice(_destination);

    private void Flood(BridgePort from, in VlanTags inside, in VlanTags came)
    {
        foreach (var port in from.Bridge.Ports)
        {
            if (_failed) return;
            if (port == from || port.IsMirrorOutput || (port.IsProtected && from.IsProtected) || !port.Carries(inside)) continue;
            Leave(port, inside, came);
        }
    }

    private void Leave(BridgePort port, in VlanTags inside, in VlanTags came)
    {
        var leaving = port.Leaving(inside, came);
        if (port.Peer is { } peer)
        {
            LeaveByPatch(peer, leaving);
            return;
        }
        if (port.Options.Peer is not null) return;
        AddRoute(port.Id, leaving);
        MirrorTo(port, leaving, port.DestinationMirrors);
    }

    private void LeaveByPatch(BridgePort peer, in VlanTags tags)
    {
        if (_patches == MostPatches)
        {
            _failed = true;
            return;
        }
        // The mirrors of the other bridge have not had it.
        uint mirrored = _mirrored;
        _mirrored = 0;
        _patches++;
        Enter(peer, tags);
        _patches--;
        _mirrored = mirrored;
    }

    /// <summary>Gives a frame to the mirrors that have not had it.</summary>
    /// <param name="port">The port by which it came or goes.</param>
    /// <param name="tags">Its tags there.</param>
    /// <param name="mirrors">The port's mirrors for that.</param>
    private void MirrorTo(BridgePort port, in VlanTags tags, uint mirrors)
    {
        mirrors &= ~_mirrored;
        if (mirrors == 0 || !port.Takes(tags)) return;
        var inside = port.Inside(tags);
        for (; mirrors != 0 && !_failed; mirrors &= (mirrors - 1) & ~_mirrored)
        {
            var mirror = port.Bridge.Mirrors[BitOperations.TrailingZeroCount(mirrors)];
            if (!mirror.Selects(inside.Outer.Vlan)) continue;
            _mirrored |= mirror.SameDestination;
            _snapLength = mirror.SnapLength;
            if (mirror.Output is { } output) Leave(output, inside, tags);
            else if (mirror.IsForVlan && inside.Outer.Vlan != mirror.OutputVlan && !IsReserved((_destination & MacAddress.GroupBit) != 0))
                MirrorToVlan(mirror.OutputVlan, port.Bridge, inside, tags);
            _snapLength = 0;
        }
    }

    private void MirrorToVlan(ushort vlan, Bridge bridge, VlanTags inside, in VlanTags came)
    {
        inside.Outer = inside.Outer.With(vlan);
        foreach (var port in bridge.Ports)
        {
            if (!_failed && !port.IsMirrorOutput && port.Carries(inside)) Leave(port, inside, came);
        }
    }

    // As little as possible is changed: inner tags that the frame has already stay where they are, but for one that was read in the sender's
    // memory. That goes out as it was read.
    private void AddRoute(ushort port, in VlanTags leaving)
    {
        var first = VlanHeader.Of(_outer);
        int count = leaving.Count, popped = _tagCount, pushed = count;
        uint outer = leaving.Outer.Word, inner = leaving.Inner.Word;
        if (_tagCount == 1 && count > 0)
        {
            var last = count == 2 ? leaving.Inner : leaving.Outer;
            if (last.IsSameAs(first))
            {
                popped--;
                pushed--;
            }
        }
        else if (_tagCount == 2 && count > 0)
        {
            bool innerStays = (count == 2 ? leaving.Inner : leaving.Outer).IsSameAs(VlanHeader.Of(_inner));
            if (innerStays && count == 2) inner = _inner;
            else if (innerStays) outer = _inner;
            if (innerStays && count == 2 && leaving.Outer.IsSameAs(first)) outer = _outer;
        }
        var route = new FrameRoute { Port = port, Popped = (byte)popped, Pushed = (byte)pushed, Outer = outer, Inner = inner, SnapLength = _snapLength };
        if (!_routes.TryAdd(route)) _failed = true;
    }
}
