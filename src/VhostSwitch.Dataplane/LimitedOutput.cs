namespace VhostSwitch.Dataplane;

/// <summary>
/// Stands before an output whose receiver shall get no frame longer than so many bytes, whatever its buffers hold. Large segments are none of
/// its concern: the receiver agreed to them, or they are cut before. Where there is no such limit, it is not there.
/// </summary>
public sealed unsafe class LimitedOutput : OutputQueue
{
    private readonly OutputQueue _inner;
    private readonly uint _longest;

    /// <summary>Makes the output.</summary>
    /// <param name="inner">The output that it stands before.</param>
    /// <param name="longest">The longest frame in bytes, from the Ethernet header on.</param>
    public LimitedOutput(OutputQueue inner, uint longest)
        : base(inner)
    {
        _inner = inner;
        _longest = longest;
    }

    /// <inheritdoc/>
    public override OffloadKinds Takes => _inner.Takes;

    /// <inheritdoc/>
    public override uint LongestFrame => _inner.LongestFrame;

    /// <inheritdoc/>
    public override bool TakesAnyLength => _inner.TakesAnyLength;

    /// <inheritdoc/>
    public override bool NotificationOpen => _inner.NotificationOpen;

    /// <inheritdoc/>
    public override void DecideNotification() => _inner.DecideNotification();

    /// <inheritdoc/>
    public override int Send(Burst burst, ushort* which, int count)
    {
        int first = 0;
        for (int i = 0; i < count; i++)
        {
            ref var frame = ref burst.Frames[which[i]];
            if (frame.Length <= _longest || frame.Offload.GsoType != OffloadFields.GsoNone) continue;
            // Those before it go first, and where they find no room it has not had its turn.
            if (first < i && _inner.Send(burst, which + first, i - first) is var sent && sent < i - first) return first + sent;
            Counters->Drop(DropReason.ExceedsMtu);
            first = i + 1;
        }
        return first < count ? first + _inner.Send(burst, which + first, count - first) : count;
    }
}
