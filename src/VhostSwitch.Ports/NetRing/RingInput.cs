using VhostSwitch.Dataplane;

namespace VhostSwitch.Ports.NetRing;

/// <summary>Lends the frames of a ring from where they lie in it. Runs on the poll thread that owns it.</summary>
internal sealed unsafe class RingInput : InputQueue
{
    // Set up once.
    private readonly FrameRing _ring;

    /// <param name="ring">Where the frames are; stays as long as the queue.</param>
    /// <param name="counters">Where to count.</param>
    public RingInput(FrameRing ring, CounterBlock counters)
        : base(0, counters) => _ring = ring;

    /// <inheritdoc/>
    public override int KickDescriptor => _ring.WakeDescriptor;

    /// <inheritdoc/>
    public override bool NotificationOpen => false;

    /// <inheritdoc/>
    public override void Receive(Burst burst)
    {
        int count = 0;
        for (; count < Burst.MaxFrames; count++)
        {
            var record = _ring.TryTake();
            if (record == null) break;
            var frame = burst.Frames + count;
            *frame = default;
            frame->Data = FrameRecord.Data(record);
            frame->DataLength = frame->Length = record->Length;
            frame->Offload = record->Offload;
            frame->Snapshot = Snapshots.Of(frame->Data, frame->Length);
            frame->Output = Frame.Undecided;
        }
        burst.Count = count;
    }

    /// <inheritdoc/>
    public override void Return(Burst burst) => _ring.Release();

    /// <inheritdoc/>
    public override void DecideNotification()
    {
    }

    /// <inheritdoc/>
    public override void EnableKicks() => _ring.AskForWake();

    /// <inheritdoc/>
    public override void DisableKicks() => _ring.StopAsking();

    /// <inheritdoc/>
    public override bool HasFrames() => _ring.HasFrames();
}
