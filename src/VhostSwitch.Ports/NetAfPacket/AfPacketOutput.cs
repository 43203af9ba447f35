using VhostSwitch.Dataplane;
using VhostSwitch.Linux;

namespace VhostSwitch.Ports.NetAfPacket;

/// <summary>Sends frames by a packet socket, a burst with each call, gathered from where they lie. The kernel copies them once.</summary>
internal sealed unsafe class AfPacketOutput : OutputQueue
{
    private const int CacheLine = 64;

    // Room for a frame that is in too many pieces.
    private const int TogetherLength = 65536 + 256;
    private const int PiecesLength = Burst.MaxFrames * KernelFrames.MaxPieces * 16;

    // Set up once.
    private readonly int _descriptor;
    private readonly byte* _together;
    private readonly IoMessage* _messages;
    private readonly IoPiece* _pieces;

    /// <param name="index">The queue's number.</param>
    /// <param name="descriptor">The socket.</param>
    /// <param name="memory"><see cref="MemoryLength"/> bytes, zeroed.</param>
    /// <param name="counters">Where to count.</param>
    public AfPacketOutput(int index, int descriptor, byte* memory, CounterBlock counters)
        : base(index, counters)
    {
        _descriptor = descriptor;
        _together = memory;
        _pieces = (IoPiece*)(memory + TogetherLength);
        _messages = (IoMessage*)(memory + TogetherLength + PiecesLength);
        for (int i = 0; i < Burst.MaxFrames; i++)
            _messages[i].Pieces = _pieces + (i * KernelFrames.MaxPieces);
    }

    /// <summary>The memory it needs, in bytes.</summary>
    public static int MemoryLength => TogetherLength + PiecesLength + (Burst.MaxFrames * CacheLine);

    /// <inheritdoc/>
    // Whatever the interface itself cannot do, the kernel does.
    public override OffloadKinds Takes => OffloadKinds.Checksum | OffloadKinds.Tso4 | OffloadKinds.Tso6 | OffloadKinds.Ecn;

    /// <inheritdoc/>
    public override bool NotificationOpen => false;

    /// <inheritdoc/>
    public override int Send(Burst burst, ushort* which, int count)
    {
        ulong bytes = 0;
        uint frames = 0;
        int done = 0;
        bool goesOn = true;
        while (goesOn && done < count)
        {
            int laid = Lay(burst, which + done, count - done);
            if (laid == 0)
            {
                Counters->Drop(DropReason.ExceedsMtu);
                done++;
                continue;
            }
            bool retried = false;
            for (int at = 0; at < laid;)
            {
                int sent = FrameIo.SendMany(_descriptor, _messages + at, laid - at);
                if (sent > 0)
                {
                    for (int i = 0; i < sent; i++)
                    {
                        var frame = burst.Frames + which[done + i];
                        frame->Delivered = true;
                        bytes += frame->Length;
                    }
                    frames += (uint)sent;
                    at += sent;
                    done += sent;
                    continue;
                }
                // An interface that was down leaves its error for the first call after it came up.
                if (-sent == Errno.ENETDOWN && !retried)
                {
                    retried = true;
                    continue;
                }
                if (KernelFrames.IsFull(-sent))
                {
                    goesOn = false;
                    break;
                }
                if (KernelFrames.IsDown(-sent))
                {
                    // Nor will it take those that follow.
                    Counters->Drop(DropReason.InterfaceDown, (uint)(count - done));
                    done = count;
                    break;
                }
                Counters->Drop(KernelFrames.ReasonFor(-sent));
                at++;
                done++;
            }
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

    // Lists frames as messages, as far as there is room: one of them may have to be copied together.
    private int Lay(Burst burst, ushort* which, int count)
    {
        byte* together = _together;
        int laid = 0;
        for (; laid < count; laid++)
        {
            var pieces = _messages[laid].Pieces;
            int piece = KernelFrames.List(burst, burst.Frames + which[laid], pieces, together);
            if (piece == 0) break;
            if (pieces[1].Data == together) together = null;
            _messages[laid].PieceCount = (nuint)piece;
        }
        return laid;
    }
}
