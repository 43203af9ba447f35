namespace VhostSwitch.Ports.NetPcap;

/// <summary>
/// Says when the next frame may be given. It reckons from the first frame, not from the last: who comes late catches up, and no error adds
/// up. Times are in nanoseconds.
/// </summary>
/// <param name="rate">How fast.</param>
internal sealed class FramePacer(FrameRate rate)
{
    private const long NsPerSecond = 1_000_000_000;

    private bool _started;
    private long _start;
    private ulong _given;

    // Behind _start, for a rate in frames a second.
    private long _due;

    /// <summary>Looks whether the next frame is due.</summary>
    /// <param name="now">The time now.</param>
    /// <param name="offset">How long after the first frame of its file the frame was captured.</param>
    public bool IsDue(long now, long offset)
    {
        if (!_started)
        {
            _started = true;
            _start = now;
        }
        if (rate.Original) return now - _start >= offset;
        return rate.PerSecond == 0 || now - _start >= _due;
    }

    /// <summary>The frame was given.</summary>
    public void Advance()
    {
        if (rate.PerSecond == 0) return;
        // A whole second has as many frames as it should, exactly: what a division cuts off is not carried on.
        if (++_given == rate.PerSecond)
        {
            _given = 0;
            _start += NsPerSecond;
        }
        _due = (long)(_given * NsPerSecond / rate.PerSecond);
    }

    /// <summary>The file begins anew.</summary>
    /// <param name="duration">How long a round of the file lasts.</param>
    public void BeginRound(long duration)
    {
        if (rate.Original) _start += duration;
    }
}
