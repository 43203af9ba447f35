using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using VhostSwitch.Packets;

namespace VhostSwitch.Dataplane;

/// <summary>
/// Puts an 802.1Q tag into a frame on loan, takes one out, or changes it. The sender's memory is not written: the snapshot changes, and where
/// the bytes behind it begin.
/// </summary>
public static unsafe class VlanTag
{
    /// <summary>Length in bytes of a tag.</summary>
    public const int Length = 4;

    private const int AddressesLength = 12;

    /// <summary>Puts a tag in. The bytes that the snapshot has no room for any more are kept in the burst's own memory, not read again.</summary>
    /// <param name="burst">The loan.</param>
    /// <param name="i">The frame's position in it.</param>
    /// <param name="tci">Priority and VLAN id.</param>
    /// <returns>What else was changed, for whoever gives the frame back as it was.</returns>
    public static SegmentChange Push(Burst burst, int i, ushort tci) => Rebuild(burst, i, 0, 1, Ethernet.Tag(Ethernet.VlanType, tci), 0);

    /// <summary>Takes the tag out. The four bytes that come into the snapshot are read here and not again.</summary>
    /// <param name="burst">The loan.</param>
    /// <param name="i">The position in it of a frame that has a tag.</param>
    /// <returns>What else was changed, for whoever gives the frame back as it was.</returns>
    public static SegmentChange Pop(Burst burst, int i)
    {
        var frame = burst.Frames + i;
        if (frame->DataLength < Ethernet.SnapshotLength + Length && frame->MoreSegments != 0)
            return Rebuild(burst, i, 1, 0, 0, 0);
        uint behind = Math.Min(frame->Length - Ethernet.SnapshotLength, Length);
        uint next = 0;
        FrameBytes.Read(burst, frame, Ethernet.SnapshotLength, (byte*)&next, behind);
        frame->Snapshot = frame->Snapshot.AsUInt32().WithElement(3, next).AsByte();
        frame->Data += Length;
        frame->DataLength -= Length;
        frame->Length -= Length;
        Shift(ref frame->Offload, -Length);
        return default;
    }

    /// <summary>
    /// Puts other tags in the place of those that a frame has. Of the bytes behind them at most four come into the snapshot, and are read here and
    /// not again; the tags themselves are not read.
    /// </summary>
    /// <param name="burst">The loan.</param>
    /// <param name="i">The frame's position in it.</param>
    /// <param name="popped">How many are taken out, 0 to 2; the frame has as many.</param>
    /// <param name="pushed">How many are put in, 0 to 2.</param>
    /// <param name="outer">The first of them, as <see cref="Ethernet.Tag"/> makes it.</param>
    /// <param name="inner">The second.</param>
    /// <returns>What else was changed, for whoever gives the frame back as it was.</returns>
    public static SegmentChange Replace(Burst burst, int i, int popped, int pushed, uint outer, uint inner)
    {
        var frame = burst.Frames + i;
        if (popped == 1 && pushed == 0) return Pop(burst, i);
        if (popped != 1 || pushed != 1) return popped + pushed == 0 ? default : Rebuild(burst, i, popped, pushed, outer, inner);
        frame->Snapshot = frame->Snapshot.AsUInt32().WithElement(3, outer).AsByte();
        return default;
    }

    /// <summary>Gives a frame that has a tag another one.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="tci">Priority and VLAN id.</param>
    public static void Set(Frame* frame, ushort tci) => frame->Snapshot = frame->Snapshot.AsUInt32().WithElement(3, Ethernet.Tag(Ethernet.VlanType, tci)).AsByte();

    /// <summary>True for a frame with a tag.</summary>
    /// <param name="frame">The frame.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsOn(Frame* frame) =>
        (ushort)frame->Snapshot.AsUInt32().GetElement(3) == BinaryPrimitives.ReverseEndianness(Ethernet.VlanType);

    // Lays the frame's beginning out anew, as its sender would have: the addresses, the tags, and what has to be in a snapshot beside them.
    private static SegmentChange Rebuild(Burst burst, int i, int popped, int pushed, uint outer, uint inner)
    {
        var frame = burst.Frames + i;
        byte* own = burst.TagRoom + (i * Burst.TagRoomLength);
        uint displaced = frame->Snapshot.AsUInt32().GetElement(3);
        frame->Snapshot.Store(own);
        uint length = AddressesLength, skip = AddressesLength + ((uint)popped * Length);
        Unsafe.WriteUnaligned(own + length, outer);
        Unsafe.WriteUnaligned(own + length + Length, inner);
        length += (uint)pushed * Length;
        if (popped == 0)
        {
            // These are in the snapshot, and may be others by now in the sender's memory.
            Unsafe.WriteUnaligned(own + length, displaced);
            length += Math.Min(frame->Length - AddressesLength, Length);
            skip = Ethernet.SnapshotLength;
        }
        else if (pushed == 0)
        {
            uint next = 0, behind = Math.Min(frame->Length - skip, Length);
            FrameBytes.Read(burst, frame, skip, (byte*)&next, behind);
            Unsafe.WriteUnaligned(own + length, next);
            length += behind;
            skip += behind;
        }
        frame->Snapshot = Vector128.Load(own);
        var change = LendBehind(burst, i, own, length, skip);
        int by = (pushed - popped) * Length;
        frame->Length = (uint)(frame->Length + by);
        Shift(ref frame->Offload, by);
        return change;
    }

    // Makes the frame begin in memory of the burst and go on in the sender's behind its first bytes.
    private static SegmentChange LendBehind(Burst burst, int i, byte* own, uint ownLength, uint skip)
    {
        var frame = burst.Frames + i;
        var first = new Segment { Data = frame->Data, Length = frame->DataLength };
        ushort at = frame->FirstSegment, count = frame->MoreSegments;
        while (first.Length <= skip && count > 0)
        {
            skip -= first.Length;
            first = burst.Segments[at++];
            count--;
        }
        skip = Math.Min(skip, first.Length);
        first = new Segment { Data = first.Data + skip, Length = first.Length - skip };
        frame->Data = own;
        frame->DataLength = ownLength;
        frame->MoreSegments = 0;
        if (first.Length == 0) return default;
        // The place before a frame's segments is its own; a frame in one piece has a place behind those of all frames.
        at = count > 0 ? (ushort)(at - 1) : (ushort)(Burst.MaxSegments + i);
        frame->FirstSegment = at;
        frame->MoreSegments = (ushort)(count + 1);
        return SegmentChange.Make(burst, at, first);
    }

    private static void Shift(ref OffloadFields offload, int by)
    {
        if (offload.Flags != 0) offload.CsumStart = (ushort)(offload.CsumStart + by);
        if (offload.GsoType != 0) offload.HdrLen = (ushort)Math.Max(0, offload.HdrLen + by);
    }
}
