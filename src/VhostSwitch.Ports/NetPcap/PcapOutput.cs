using VhostSwitch.Dataplane;
using VhostSwitch.Packets;
using VhostSwitch.Ports.NetPcap.Capture;

namespace VhostSwitch.Ports.NetPcap;

/// <summary>Copies frames to the thread that writes them to a file. Runs on whichever poll thread sends.</summary>
internal sealed unsafe class PcapOutput : OutputQueue
{
    private const long NsPerTick = 100;

    // Set up once.
    private readonly CaptureWriter _writer;
    private readonly FrameRing _ring;
    private readonly uint _snapLength;

    // Belongs to who sends.
    private bool _open;

    /// <param name="index">The queue's number.</param>
    /// <param name="writer">Takes the frames; stays as long as the queue.</param>
    /// <param name="snapLength">How many bytes of a frame to take at most.</param>
    /// <param name="counters">Where to count.</param>
    public PcapOutput(int index, CaptureWriter writer, uint snapLength, CounterBlock counters)
        : base(index, counters)
    {
        _writer = writer;
        _ring = writer.Ring;
        _snapLength = snapLength;
    }

    /// <inheritdoc/>
    public override OffloadKinds Takes => OffloadKinds.All;

    /// <inheritdoc/>
    public override bool NotificationOpen => _open;

    /// <inheritdoc/>
    public override int Send(Burst burst, ushort* which, int count)
    {
        if (_writer.Trouble is not null)
        {
            Counters->Drop(DropReason.InterfaceRefused, (uint)count);
            return count;
        }
        // Once for the burst: its frames leave together.
        long now = (DateTime.UtcNow.Ticks - DateTime.UnixEpoch.Ticks) * NsPerTick;
        ulong bytes = 0;
        int taken = 0;
        for (; taken < count; taken++)
        {
            var frame = burst.Frames + which[taken];
            uint stored = Math.Min(frame->Length, _snapLength);
            var record = _ring.TryAdd(stored);
            if (record == null) break;
            record->Length = frame->Length;
            record->TimestampNs = now;
            Copy(burst, frame, FrameRecord.Data(record), stored);
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

    private static void Copy(Burst burst, Frame* frame, byte* to, uint stored)
    {
        if (stored == frame->Length)
        {
            FrameBytes.Copy(burst, frame, to);
            return;
        }
        var snapshot = frame->Snapshot;
        uint first = Math.Min(stored, Ethernet.SnapshotLength);
        Buffer.MemoryCopy(&snapshot, to, first, first);
        FrameBytes.Read(burst, frame, first, to + first, stored - first);
    }
}
