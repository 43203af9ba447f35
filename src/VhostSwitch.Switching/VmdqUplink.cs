using VhostSwitch.Dataplane;

namespace VhostSwitch.Switching;

/// <summary>
/// An output of the uplink in vmdq mode: what a device sends leaves with the tag of the device's pool. A frame that has a tag keeps it, but for
/// <see cref="Vm2Vm.Hardware"/>, where the uplink's switch goes by the tag.
/// </summary>
public sealed unsafe class VmdqUplink : OutputQueue
{
    private readonly OutputQueue _inner;
    private readonly VmdqPools _pools;
    private readonly VmdqOptions _options;

    /// <summary>Makes the output.</summary>
    /// <param name="inner">The output of the uplink's driver.</param>
    /// <param name="pools">The pools.</param>
    /// <param name="options">What vmdq mode does.</param>
    public VmdqUplink(OutputQueue inner, VmdqPools pools, VmdqOptions options)
        : base(inner)
    {
        _inner = inner;
        _pools = pools;
        _options = options;
    }

    /// <inheritdoc/>
    public override OffloadKinds Takes => _inner.Takes;

    /// <inheritdoc/>
    public override uint LongestFrame => _inner.LongestFrame == uint.MaxValue ? uint.MaxValue : _inner.LongestFrame - VlanTag.Length;

    /// <inheritdoc/>
    public override bool TakesAnyLength => _inner.TakesAnyLength;

    /// <inheritdoc/>
    public override bool NotificationOpen => _inner.NotificationOpen;

    /// <inheritdoc/>
    public override void DecideNotification() => _inner.DecideNotification();

    /// <inheritdoc/>
    public override int Send(Burst burst, ushort* which, int count)
    {
        // A frame to all goes untagged to the devices that come after the uplink: each is given back as it was.
        var before = stackalloc Frame[Burst.MaxFrames];
        var changes = stackalloc SegmentChange[Burst.MaxFrames];
        for (int i = 0; i < count; i++)
        {
            before[i] = burst.Frames[which[i]];
            changes[i] = Tag(burst, which[i]);
        }
        int handled = _inner.Send(burst, which, count);
        for (int i = 0; i < count; i++)
        {
            var frame = burst.Frames + which[i];
            bool delivered = frame->Delivered;
            changes[i].Undo(burst);
            *frame = before[i];
            frame->Delivered = delivered;
        }
        return handled;
    }

    private SegmentChange Tag(Burst burst, int i)
    {
        var frame = burst.Frames + i;
        ushort tag = _pools.TagOf(burst.Source);
        if (!VlanTag.IsOn(frame)) return VlanTag.Push(burst, i, tag);
        if (_options.Vm2Vm == Vm2Vm.Hardware) VlanTag.Set(frame, tag);
        return default;
    }
}
