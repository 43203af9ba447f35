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
    public static void Push(Burst burst, int i, ushort tci)
    {
        var frame = burst.Frames + i;
        byte* own = burst.TagRoom + (i * Burst.TagRoomLength);
        uint displaced = Math.Min(frame->Length - AddressesLength, Length);
        uint kept = frame->Snapshot.AsUInt32().GetElement(3);
        frame->Snapshot = frame->Snapshot.AsUInt32().WithElement(3, Tag(tci)).AsByte();
        // As the sender would have laid it out: 16 bytes that nobody reads again, and those that came behind the tag.
        frame->Snapshot.Store(own);
        Unsafe.WriteUnaligned(own + Ethernet.SnapshotLength, kept);
        LendBehind(burst, i, own, Ethernet.SnapshotLength + displaced, Ethernet.SnapshotLength);
        frame->Length += Length;
        Shift(ref frame->Offload, Length);
    }

    /// <summary>Takes the tag out. The four bytes that come into the snapshot are read here and not again.</summary>
    /// <param name="burst">The loan.</param>
    /// <param name="i">The position in it of a frame that has a tag.</param>
    public static void Pop(Burst burst, int i)
    {
        var frame = burst.Frames + i;
        uint behind = Math.Min(frame->Length - Ethernet.SnapshotLength, Length);
        uint next = 0;
        FrameBytes.Read(burst, frame, Ethernet.SnapshotLength, (byte*)&next, behind);
        frame->Snapshot = frame->Snapshot.AsUInt32().WithElement(3, next).AsByte();
        if (frame->DataLength >= Ethernet.SnapshotLength + Length || frame->MoreSegments == 0)
        {
            frame->Data += Length;
            frame->DataLength -= Length;
        }
        else
        {
            byte* own = burst.TagRoom + (i * Burst.TagRoomLength);
            frame->Snapshot.Store(own);
            LendBehind(burst, i, own, Ethernet.SnapshotLength, Ethernet.SnapshotLength + Length);
        }
        frame->Length -= Length;
        Shift(ref frame->Offload, -Length);
    }

    /// <summary>Gives a frame that has a tag another one.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="tci">Priority and VLAN id.</param>
    public static void Set(Frame* frame, ushort tci) => frame->Snapshot = frame->Snapshot.AsUInt32().WithElement(3, Tag(tci)).AsByte();

    /// <summary>True for a frame with a tag.</summary>
    /// <param name="frame">The frame.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsOn(Frame* frame) =>
        (ushort)frame->Snapshot.AsUInt32().GetElement(3) == BinaryPrimitives.ReverseEndianness(Ethernet.VlanType);

    private static uint Tag(ushort tci) => BinaryPrimitives.ReverseEndianness(Ethernet.VlanType) | ((uint)BinaryPrimitives.ReverseEndianness(tci) << 16);

    // Makes the frame begin in memory of the burst and go on in the sender's behind its first bytes.
    private static void LendBehind(Burst burst, int i, byte* own, uint ownLength, uint skip)
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
        if (first.Length == 0) return;
        // The place before a frame's segments is its own; a frame in one piece has a place behind those of all frames.
        at = count > 0 ? (ushort)(at - 1) : (ushort)(Burst.MaxSegments + i);
        burst.Segments[at] = first;
        frame->FirstSegment = at;
        frame->MoreSegments = (ushort)(count + 1);
    }

    private static void Shift(ref OffloadFields offload, int by)
    {
        if (offload.Flags != 0) offload.CsumStart = (ushort)(offload.CsumStart + by);
        if (offload.GsoType != 0) offload.HdrLen = (ushort)Math.Max(0, offload.HdrLen + by);
    }
}
