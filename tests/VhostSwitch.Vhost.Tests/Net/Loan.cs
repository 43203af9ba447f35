using System.Runtime.Intrinsics;
using VhostSwitch.Dataplane;

namespace VhostSwitch.Vhost.Tests.Net;

/// <summary>What can be seen of a frame on loan, and how a test lends one.</summary>
internal static unsafe class Loan
{
    /// <summary>The bytes an output would send: the snapshot, then what follows it in the segments.</summary>
    public static byte[] Bytes(Burst burst, int i)
    {
        var frame = burst.Frames[i];
        var bytes = new List<byte>();
        for (int s = -1; s < frame.MoreSegments; s++)
        {
            var segment = s < 0 ? new Segment { Data = frame.Data, Length = frame.DataLength } : burst.Segments[frame.FirstSegment + s];
            bytes.AddRange(new ReadOnlySpan<byte>(segment.Data, (int)segment.Length));
        }
        Assert.Equal(frame.Length, (uint)bytes.Count);
        byte[] snapshot = new byte[16];
        frame.Snapshot.CopyTo(snapshot);
        for (int b = 0; b < Math.Min(16, bytes.Count); b++)
            bytes[b] = snapshot[b];
        return [.. bytes];
    }

    /// <summary>The reason a frame was dropped for; null when it was not.</summary>
    public static DropReason? Dropped(Burst burst, int i) =>
        burst.Frames[i].Output is >= Frame.Dropped and < Frame.Flood ? (DropReason)(byte)burst.Frames[i].Output : null;

    /// <summary>Lends a frame that lies in one or several pieces of memory.</summary>
    public static void Add(Burst burst, OffloadFields offload, params ReadOnlySpan<(nuint Data, uint Length)> pieces)
    {
        int first = burst.Count == 0 ? 0 : burst.Frames[burst.Count - 1].FirstSegment + burst.Frames[burst.Count - 1].MoreSegments;
        var frame = burst.Frames + burst.Count++;
        *frame = new Frame { Data = (byte*)pieces[0].Data, DataLength = pieces[0].Length, MoreSegments = (ushort)(pieces.Length - 1), FirstSegment = (ushort)first, Offload = offload };
        var snapshot = new List<byte>();
        for (int i = 0; i < pieces.Length; i++)
        {
            frame->Length += pieces[i].Length;
            snapshot.AddRange(new ReadOnlySpan<byte>((byte*)pieces[i].Data, (int)pieces[i].Length));
            if (i > 0) burst.Segments[first + i - 1] = new Segment { Data = (byte*)pieces[i].Data, Length = pieces[i].Length };
        }
        snapshot.AddRange(new byte[16]);
        frame->Snapshot = Vector128.Create<byte>([.. snapshot.Take(16)]);
    }
}
