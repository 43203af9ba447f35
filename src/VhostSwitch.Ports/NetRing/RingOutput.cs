using VhostSwitch.Dataplane;

namespace VhostSwitch.Ports.NetRing;

/// <summary>Copies frames to whoever takes from the ring. Runs on whichever poll thread sends.</summary>
internal sealed unsafe class RingOutput : OutputQueue
{
    // Set up once.
    private readonly FrameRing _ring;

    // Belongs to who sends.
    private bool _open;

    /// <param name="ring">Takes the frames; stays as long as the queue.</param>
    /// <param name="counters">Where to count.</param>
    public RingOutput(FrameRing ring, CounterBlock counters)
        : base(0, counters) => _ring = ring;

    /// <inheritdoc/>
    public override OffloadKinds Takes => OffloadKinds.All;

    /// <inheritdoc/>
    public override bool NotificationOpen => _open;

    /// <inheritdoc/>
    public override int Send(Burst burst, ushort* which, int count)
    {
        ulong bytes = 0;
        int taken = 0;
        for (; taken < count; taken++)
        {
            var frame = burst.Frames + which[taken];
            var record = _ring.TryAdd(frame->Length);
            if (record == null) break;
            record->Length = frame->Length;
            record->TimestampNs = 0;
            record->Offload = frame->Offload;
            FrameBytes.Copy(burst, frame, FrameRecord.Data(record));
            bytes += frame->Length;
            frame->Delivered = true;
        }
        if (taken == 0) return 0;
        _open = !_ring.Publish();
        if (!_open) Counters->Notifications++;
        Counters->Frames += (uint)taken;
        Counters->Bytes += bytes;
        Counters->Bursts++;
        return taken;
    }

    /// <inheritdoc/>
    public override void DecideNotification()
    {
        _open = false;
        if (_ring.WakeIfAskedFor()) Counters->Notifications++;
    }
}
