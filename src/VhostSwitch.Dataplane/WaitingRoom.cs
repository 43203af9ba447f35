using System.Runtime.InteropServices;

namespace VhostSwitch.Dataplane;

/// <summary>
/// Frames whose receiver had no buffer left, in order, copied into memory of the poll thread: their senders have their loans back, and nobody
/// but the receiver is waited for. Allocates nothing after it was made.
/// </summary>
internal sealed unsafe class WaitingRoom : IDisposable
{
    /// <summary>The most frames that wait: as many as DPDK's rings have entries.</summary>
    public const int MaxFrames = 256;

    // Sixteen of the largest frames; small ones all fit.
    private const uint RoomLength = 16 * 65536;

    // Frames begin on cache lines.
    private const uint Alignment = 64;

    private readonly byte* _room = (byte*)NativeMemory.AlignedAlloc(RoomLength, Alignment);
    private readonly Waiting* _frames = (Waiting*)NativeMemory.AlignedAlloc((nuint)(MaxFrames * sizeof(Waiting)), Alignment);
    private readonly Burst _burst = new();
    private int _first;
    private uint _end;

    /// <summary>The receiver; null while nobody waits.</summary>
    public OutputQueue? Queue { get; private set; }

    /// <summary>How many frames wait.</summary>
    public int Count { get; private set; }

    /// <summary>How many tries in a row brought nothing.</summary>
    public int TriesInVain { get; set; }

    /// <summary>When to try again, in ticks of <see cref="System.Diagnostics.Stopwatch"/>.</summary>
    public long NextTry { get; set; }

    /// <summary>Opens the room for a receiver.</summary>
    /// <param name="queue">The receiver.</param>
    public void Open(OutputQueue queue)
    {
        Queue = queue;
        TriesInVain = 0;
        Count = _first = 0;
        _end = 0;
    }

    /// <summary>Closes the room. Frames that are in it are gone.</summary>
    public void Close()
    {
        Queue = null;
        Count = 0;
    }

    /// <summary>Takes a frame in, behind the others.</summary>
    /// <param name="burst">The loan it is from.</param>
    /// <param name="frame">The frame.</param>
    /// <param name="sender">Where it counts as delivered once it is; null where it has been counted.</param>
    /// <returns>False where there is no room for it.</returns>
    public bool TryAdd(Burst burst, Frame* frame, QueueCounters* sender)
    {
        if (Count == MaxFrames || !TryPlace(frame->Length, out uint place)) return false;
        var waiting = At(Count);
        byte* bytes = _room + place;
        FrameBytes.Copy(burst, frame, bytes);
        waiting->Frame = *frame;
        waiting->Frame.Data = bytes;
        waiting->Frame.DataLength = frame->Length;
        waiting->Frame.MoreSegments = 0;
        waiting->Frame.Delivered = false;
        waiting->Sender = sender;
        waiting->Source = burst.Source;
        waiting->Place = place;
        _end = place + frame->Length;
        Count++;
        return true;
    }

    /// <summary>Lists the frames that are next, of one source, as many as a burst holds.</summary>
    /// <returns>Them, to be sent and reported by <see cref="Leave"/>.</returns>
    public Burst Next()
    {
        _burst.Source = At(0)->Source;
        int count = 0;
        for (; count < Math.Min(Count, Burst.MaxFrames) && At(count)->Source == _burst.Source; count++)
            _burst.Frames[count] = At(count)->Frame;
        _burst.Count = count;
        return _burst;
    }

    /// <summary>Lets the first frames of <see cref="Next"/> go; those that were delivered are counted with their sender.</summary>
    /// <param name="count">How many.</param>
    public void Leave(int count)
    {
        for (int i = 0; i < count; i++)
        {
            var waiting = At(i);
            if (_burst.Frames[i].Delivered && waiting->Sender != null) waiting->Sender->Delivered++;
        }
        _first = (_first + count) % MaxFrames;
        Count -= count;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        NativeMemory.AlignedFree(_room);
        NativeMemory.AlignedFree(_frames);
        _burst.Dispose();
    }

    // The bytes are used in a circle, each frame in one piece.
    private bool TryPlace(uint length, out uint place)
    {
        place = (_end + Alignment - 1) & ~(Alignment - 1);
        if (Count == 0)
        {
            place = 0;
            return length <= RoomLength;
        }
        uint start = At(0)->Place;
        if (At(Count - 1)->Place < start) return place + length <= start;
        if (place + length <= RoomLength) return true;
        place = 0;
        return length <= start;
    }

    private Waiting* At(int i) => _frames + ((_first + i) % MaxFrames);

    private struct Waiting
    {
        public Frame Frame;
        public QueueCounters* Sender;
        public uint Place;
        public ushort Source;
    }
}
