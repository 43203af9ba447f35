using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.Packets;

namespace VhostSwitch.Ports.NetTap;

/// <summary>Hands frames to the host at a TAP interface, one write each, gathered from where they lie.</summary>
internal sealed unsafe class TapOutput : OutputQueue
{
    // Set up once.
    private readonly int _descriptor;
    private readonly bool _takesWork;
    private readonly byte* _together;

    /// <param name="index">The queue's number.</param>
    /// <param name="descriptor">The queue of the interface.</param>
    /// <param name="takesWork">True where frames may have a checksum to be finished, or be segments to be cut.</param>
    /// <param name="memory"><see cref="MemoryLength"/> bytes.</param>
    /// <param name="counters">Where to count.</param>
    public TapOutput(int index, int descriptor, bool takesWork, byte* memory, CounterBlock counters)
        : base(index, counters)
    {
        _descriptor = descriptor;
        _takesWork = takesWork;
        _together = memory;
    }

    /// <summary>The memory it needs, in bytes: room for a frame that is in too many pieces.</summary>
    public static int MemoryLength => 65536 + 256;

    /// <inheritdoc/>
    public override OffloadKinds Takes => _takesWork ? OffloadKinds.Checksum | OffloadKinds.Tso4 | OffloadKinds.Tso6 | OffloadKinds.Ecn : OffloadKinds.None;

    /// <inheritdoc/>
    public override bool NotificationOpen => false;

    /// <inheritdoc/>
    public override int Send(Burst burst, ushort* which, int count)
    {
        var pieces = stackalloc IoPiece[KernelFrames.MaxPieces];
        ulong bytes = 0;
        uint frames = 0;
        int done = 0;
        for (; done < count; done++)
        {
            var frame = burst.Frames + which[done];
            if (!_takesWork && !Offloads.IsFinished(frame->Offload))
            {
                Counters->Drop(DropReason.OffloadUnsupported);
                continue;
            }
            int piece = KernelFrames.List(burst, frame, pieces, _together);
            int written = piece == 0 ? -Errno.EINVAL : FrameIo.Write(_descriptor, pieces, piece);
            if (written >= 0)
            {
                bytes += frame->Length;
                frames++;
                frame->Delivered = true;
                continue;
            }
            if (KernelFrames.IsFull(-written)) break;
            if (KernelFrames.IsDown(-written))
            {
                // Nor will it take those that follow.
                Counters->Drop(DropReason.InterfaceDown, (uint)(count - done));
                done = count;
                break;
            }
            Counters->Drop(KernelFrames.ReasonFor(-written));
        }
        if (frames == 0) return done;
        Counters->Frames += frames;
        Counters->Bytes += bytes;
        Counters->Bursts++;
        return done;
    }

    /// <inheritdoc/>
    public override void DecideNotification()
    {
    }
}
