using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using VhostSwitch.Dataplane;

namespace VhostSwitch.Testpmd.Forwarding;

/// <summary>
/// Lends frames that were built before, over and over: one for each flow, in turn. Frames of all flows have the same length and the same first 16
/// bytes. Belongs to one forwarding thread.
/// </summary>
internal sealed unsafe class FrameGenerator : IDisposable
{
    /// <summary>Writes the frame of a flow into zeroed memory.</summary>
    /// <param name="flow">The flow's number.</param>
    /// <param name="data">The frame's first byte.</param>
    /// <param name="length">The frame's length in bytes.</param>
    public delegate void Writer(int flow, byte* data, int length);

    private const nuint Alignment = 64;

    private readonly int[] _segments;
    private readonly int _flows;
    private readonly nuint _stride;
    private readonly byte* _data;
    private readonly ushort* _everything = (ushort*)NativeMemory.AlignedAlloc(Burst.MaxFrames * sizeof(ushort), Alignment);
    private int _next;

    /// <summary>Builds the frames.</summary>
    /// <param name="segments">The lengths in bytes of the pieces each frame lies in.</param>
    /// <param name="flows">How many flows there are.</param>
    /// <param name="write">Writes the frame of each.</param>
    public FrameGenerator(int[] segments, int flows, Writer write)
    {
        _segments = segments;
        _flows = flows;
        int length = segments.Sum();
        _stride = ((nuint)length + Alignment - 1) & ~(Alignment - 1);
        _data = (byte*)NativeMemory.AlignedAlloc(_stride * (nuint)flows, Alignment);
        NativeMemory.Clear(_data, _stride * (nuint)flows);
        for (int flow = 0; flow < flows; flow++)
            write(flow, _data + (_stride * (nuint)flow), length);
        MostFrames = segments.Length == 1 ? Burst.MaxFrames : Math.Min(Burst.MaxFrames, Burst.MaxSegments / (segments.Length - 1));
        for (int i = 0; i < MostFrames; i++)
        {
            var frame = Burst.Frames + i;
            *frame = default;
            frame->Length = (uint)length;
            frame->DataLength = (uint)segments[0];
            frame->MoreSegments = (ushort)(segments.Length - 1);
            frame->FirstSegment = (ushort)(i * (segments.Length - 1));
            frame->Snapshot = Vector128.Load(_data);
            frame->Output = Frame.Undecided;
            PointAt(frame, _data);
            _everything[i] = (ushort)i;
        }
    }

    /// <summary>The most frames that can be lent at once.</summary>
    public int MostFrames { get; }

    /// <summary>The frames on loan.</summary>
    public Burst Burst { get; } = new();

    /// <summary>The positions 0, 1, 2, …: all frames in order.</summary>
    public ushort* Everything => _everything;

    /// <summary>Lends the frames of the next flows.</summary>
    /// <param name="count">How many, at most <see cref="MostFrames"/>.</param>
    public void Lend(int count)
    {
        Burst.Count = count;
        if (_flows == 1) return;
        for (int i = 0; i < count; i++)
        {
            PointAt(Burst.Frames + i, _data + (_stride * (nuint)_next));
            if (++_next == _flows) _next = 0;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Burst.Dispose();
        NativeMemory.AlignedFree(_data);
        NativeMemory.AlignedFree(_everything);
    }

    private void PointAt(Frame* frame, byte* data)
    {
        frame->Data = data;
        for (int i = 1; i < _segments.Length; i++)
        {
            data += _segments[i - 1];
            Burst.Segments[frame->FirstSegment + i - 1] = new Segment { Data = data, Length = (uint)_segments[i] };
        }
    }
}
