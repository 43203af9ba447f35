using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using VhostSwitch.Packets;

namespace VhostSwitch.Dataplane;

/// <summary>
/// The bytes of a frame as they are sent on: the snapshot that was decided on, then what lies behind it in the sender's memory. For
/// outputs that write a frame as a whole.
/// </summary>
public static unsafe class FrameBytes
{
    /// <summary>Copies a frame.</summary>
    /// <param name="burst">The loan it is from.</param>
    /// <param name="frame">The frame.</param>
    /// <param name="to">Room for <see cref="Frame.Length"/> bytes.</param>
    public static void Copy(Burst burst, Frame* frame, byte* to)
    {
        if (frame->Length < Ethernet.SnapshotLength)
        {
            var snapshot = frame->Snapshot;
            Unsafe.CopyBlockUnaligned(to, &snapshot, frame->Length);
            return;
        }
        frame->Snapshot.Store(to);
        to += Ethernet.SnapshotLength;
        if (frame->MoreSegments == 0)
        {
            Unsafe.CopyBlockUnaligned(to, frame->Data + Ethernet.SnapshotLength, frame->Length - Ethernet.SnapshotLength);
            return;
        }
        uint skip = Ethernet.SnapshotLength;
        for (int i = -1; i < frame->MoreSegments; i++)
        {
            var segment = SegmentAt(burst, frame, i);
            uint skipped = Math.Min(skip, segment.Length);
            skip -= skipped;
            Unsafe.CopyBlockUnaligned(to, segment.Data + skipped, segment.Length - skipped);
            to += segment.Length - skipped;
        }
    }

    /// <summary>Reads some of a frame's bytes in the sender's memory. Read nothing twice that is decided on.</summary>
    /// <param name="burst">The loan it is from.</param>
    /// <param name="frame">The frame.</param>
    /// <param name="offset">The first byte.</param>
    /// <param name="to">Room for <paramref name="length"/> bytes.</param>
    /// <param name="length">How many; they lie within the frame.</param>
    public static void Read(Burst burst, Frame* frame, uint offset, byte* to, uint length)
    {
        for (int i = -1; i < frame->MoreSegments && length > 0; i++)
        {
            var segment = SegmentAt(burst, frame, i);
            uint skipped = Math.Min(offset, segment.Length);
            uint here = Math.Min(segment.Length - skipped, length);
            Unsafe.CopyBlockUnaligned(to, segment.Data + skipped, here);
            offset -= skipped;
            to += here;
            length -= here;
        }
    }

    /// <summary>Lists the pieces of a frame in order, the snapshot first, for a call that gathers.</summary>
    /// <param name="burst">The loan it is from.</param>
    /// <param name="frame">The frame; must stay where it is while the pieces are used.</param>
    /// <param name="into">Room for <paramref name="most"/> pieces.</param>
    /// <param name="most">How many fit.</param>
    /// <returns>How many there are; -1 where they do not fit.</returns>
    public static int Pieces(Burst burst, Frame* frame, Segment* into, int most)
    {
        if (most < 1) return -1;
        into[0] = new Segment { Data = (byte*)&frame->Snapshot, Length = Math.Min(frame->Length, Ethernet.SnapshotLength) };
        int count = 1;
        uint skip = Ethernet.SnapshotLength;
        for (int i = -1; i < frame->MoreSegments; i++)
        {
            var segment = SegmentAt(burst, frame, i);
            uint skipped = Math.Min(skip, segment.Length);
            skip -= skipped;
            if (segment.Length == skipped) continue;
            if (count == most) return -1;
            into[count++] = new Segment { Data = segment.Data + skipped, Length = segment.Length - skipped };
        }
        return count;
    }

    private static Segment SegmentAt(Burst burst, Frame* frame, int i) =>
        i < 0 ? new Segment { Data = frame->Data, Length = frame->DataLength } : burst.Segments[frame->FirstSegment + i];
}
