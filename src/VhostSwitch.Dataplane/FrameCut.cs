namespace VhostSwitch.Dataplane;

/// <summary>A frame on loan made shorter, for a mirror that sends the first bytes only.</summary>
internal unsafe struct FrameCut
{
    // The segment that was made shorter, by its place, and its length before; 0 for none.
    private int _segment;
    private uint _length;

    /// <summary>Makes a frame shorter where it is longer. Nothing is left to be done to what remains.</summary>
    /// <param name="burst">The loan.</param>
    /// <param name="frame">The frame.</param>
    /// <param name="length">The most bytes it is to have.</param>
    internal static FrameCut Make(Burst burst, Frame* frame, uint length)
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
        var cut = new FrameCut { _segment = last, _length = burst.Segments[last].Length };
        burst.Segments[last].Length = left;
        frame->MoreSegments = (ushort)(last - frame->FirstSegment + 1);
        return cut;
    }

    /// <summary>Gives the segment its length back.</summary>
    /// <param name="burst">The loan.</param>
    internal readonly void Undo(Burst burst)
    {
        if (_length != 0) burst.Segments[_segment].Length = _length;
    }
}
