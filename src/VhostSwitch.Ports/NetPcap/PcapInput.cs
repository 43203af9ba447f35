using System.Diagnostics;
using VhostSwitch.Dataplane;
using VhostSwitch.Packets;
using VhostSwitch.Ports.NetPcap.Capture;

namespace VhostSwitch.Ports.NetPcap;

/// <summary>Gives the frames of a file, from where they lie in memory. Runs on the poll thread that owns it.</summary>
internal sealed unsafe class PcapInput : InputQueue
{
    // Nanoseconds in a tick of the clock, which has one each nanosecond on Linux.
    private static readonly long NsPerTick = 1_000_000_000 / Stopwatch.Frequency;

    // Set up once.
    private readonly byte* _data;
    private readonly CaptureRecord[] _records;
    private readonly bool _endless;

    // The poll thread's.
    private readonly FramePacer _pacer;
    private int _next;

    // Written by the poll thread, read by the control thread.
    private bool _ended;

    /// <param name="index">The queue's number.</param>
    /// <param name="file">The file; stays as long as the queue.</param>
    /// <param name="rate">How fast to give its frames.</param>
    /// <param name="endless">True to begin anew at its end.</param>
    /// <param name="counters">Where to count.</param>
    public PcapInput(int index, CaptureFile file, FrameRate rate, bool endless, CounterBlock counters)
        : base(index, counters)
    {
        _data = file.Data;
        _records = file.Records;
        _endless = endless;
        _pacer = new FramePacer(rate);
        _ended = _records.Length == 0;
    }

    /// <summary>True once every frame was given. The queue may then be taken away.</summary>
    public bool Ended => Volatile.Read(ref _ended);

    /// <inheritdoc/>
    public override int KickDescriptor => -1;

    /// <inheritdoc/>
    public override bool NotificationOpen => false;

    /// <inheritdoc/>
    public override void Receive(Burst burst)
    {
        int count = 0;
        if (!_ended)
        {
            long now = Now();
            while (count < Burst.MaxFrames && !_ended && _pacer.IsDue(now, OffsetOfNext()))
            {
                Lend(burst.Frames + count++, _records[_next]);
                Advance();
            }
        }
        burst.Count = count;
    }

    /// <inheritdoc/>
    public override void Return(Burst burst)
    {
    }

    /// <inheritdoc/>
    public override void DecideNotification()
    {
    }

    /// <inheritdoc/>
    public override void EnableKicks()
    {
    }

    /// <inheritdoc/>
    public override void DisableKicks()
    {
    }

    /// <inheritdoc/>
    public override bool HasFrames() => !_ended && _pacer.IsDue(Now(), OffsetOfNext());

    private static long Now() => Stopwatch.GetTimestamp() * NsPerTick;

    private void Lend(Frame* frame, in CaptureRecord record)
    {
        byte* data = _data + record.Offset;
        uint length = record.Length;
        *frame = default;
        frame->Data = data;
        frame->DataLength = frame->Length = length;
        frame->Snapshot = Snapshots.Of(data, length);
        frame->Output = Frame.Undecided;
        if (length < Ethernet.HeaderLength) frame->Drop(DropReason.Runt);
        else if (length > Ethernet.MaxFrameLength) frame->Drop(DropReason.Oversize);
    }

    private void Advance()
    {
        _pacer.Advance();
        if (++_next < _records.Length) return;
        _next = 0;
        if (_endless) _pacer.BeginRound(RoundLength());
        else Volatile.Write(ref _ended, true);
    }

    // Timestamps are at least 0, so that their differences are numbers of 64 bits.
    private long OffsetOfNext() => Math.Max(0, _records[_next].TimestampNs - _records[0].TimestampNs);

    // The first frame follows the last at the frames' mean distance.
    private long RoundLength()
    {
        long span = Math.Max(0, _records[^1].TimestampNs - _records[0].TimestampNs);
        return _records.Length == 1 ? 0 : span + (span / (_records.Length - 1));
    }
}
