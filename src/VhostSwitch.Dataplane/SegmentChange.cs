namespace VhostSwitch.Dataplane;

/// <summary>A segment of a burst that was changed together with a frame, so that the frame can be given back as it was.</summary>
public readonly unsafe struct SegmentChange
{
    // One more than its place; 0 where none was changed.
    private readonly int _behind;
    private readonly Segment _before;

    private SegmentChange(Burst burst, int place)
    {
        _behind = place + 1;
        _before = burst.Segments[place];
    }

    /// <summary>Gives the segment back as it was. The frame itself is the caller's.</summary>
    /// <param name="burst">The loan.</param>
    public void Undo(Burst burst)
    {
        if (_behind != 0) burst.Segments[_behind - 1] = _before;
    }

    /// <summary>Changes a segment.</summary>
    internal static SegmentChange Make(Burst burst, int place, Segment segment)
    {
        var change = new SegmentChange(burst, place);
        burst.Segments[place] = segment;
        return change;
    }

    /// <summary>Makes a frame shorter where it is longer. Nothing is left to be done to what remains.</summary>
    internal static SegmentChange Cut(Burst burst, Frame* frame, uint length)
    {
        if (frame->Length <= length) return default;
        frame->Length = length;
        frame->Offload = default;
        if (length <= frame->DataLength || frame->MoreSegments == 0)
        {
            frame->DataLength = length;
            frame->MoreSegments = 0;
            return default;
        }
        uint left = length - frame->DataLength;
        int last = frame->FirstSegment;
        for (; left > burst.Segments[last].Length; last++)
            left -= burst.Segments[last].Length;
        frame->MoreSegments = (ushort)(last - frame->FirstSegment + 1);
        return Make(burst, last, burst.Segments[last] with { Length = left });
    }
}
