using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using VhostSwitch.Linux;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Split;

namespace VhostSwitch.VirtioUser;

/// <summary>
/// The driver side of a receive queue (VIRTIO 1.2, 5.1.6.3 and 5.1.6.4). Frames are lent to the caller where the device put
/// them, and posted again when released. One thread at a time.
/// </summary>
internal sealed unsafe class ReceiveQueue
{
    // Set up once.
    private readonly BufferPool _pool;
    private readonly int _headerLength;
    private readonly bool _mergeable;
    private readonly int _kick;
    private readonly ushort[] _memory;
    private readonly ushort* _bufferOf;

    // Written by the owner.
    private SplitDriverRing _ring;
    private FramePart _held;
    private int _heldCount;

    internal ReceiveQueue(SplitDriverRing ring, BufferPool pool, Features features, int kick)
    {
        _ring = ring;
        _pool = pool;
        _headerLength = NetHeader.LengthFor(features);
        _mergeable = (features & Features.MrgRxbuf) != 0;
        _kick = kick;
        _memory = GC.AllocateArray<ushort>(ring.Size, pinned: true);
        _bufferOf = (ushort*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_memory));
        _ring.DisableCalls();
        for (int i = 0; i < pool.Count; i++)
            Post(i);
        _ring.Publish();
    }

    /// <summary>Frames handed to the caller. Written by the owner, read by anyone.</summary>
    internal ulong Frames { get; private set; }

    /// <summary>Kicks sent.</summary>
    internal ulong Kicks { get; private set; }

    /// <summary>Frames thrown away because they had more parts than the caller takes at a time.</summary>
    internal ulong Oversized { get; private set; }

    /// <summary>The ring, for its fault and its calls.</summary>
    internal ref SplitDriverRing Ring => ref _ring;

    /// <summary>Lends the caller what has come in: whole frames only.</summary>
    internal int Receive(Span<FramePart> parts)
    {
        int filled = 0;
        ulong frames = 0;
        if (_heldCount != 0)
        {
            if (!Continue(parts, ref filled, _held, _heldCount)) return 0;
            frames += filled != 0 ? 1UL : 0UL;
        }
        int ready = _ring.Used(parts.Length - filled);
        while (ready > 0 && filled < parts.Length)
        {
            int id = _ring.Take(out uint written);
            if (id < 0) break;
            ready--;
            int buffer = _bufferOf[id];
            byte* start = _pool.Start(buffer);
            if (written < (uint)_headerLength)
            {
                _ring.Break(DriverRingFault.ShorterThanHeader, written);
                break;
            }
            ref var part = ref parts[filled];
            part.Data = start + _headerLength;
            part.Length = (int)written - _headerLength;
            part.Buffer = (ushort)buffer;
            part.More = false;
            // Read once: the device can still write it.
            ushort count = _mergeable ? ((NetHeader*)start)->NumBuffers : (ushort)1;
            if (count == 1)
            {
                filled++;
                frames++;
                continue;
            }
            int before = filled;
            if (!Continue(parts, ref filled, part, count)) break;
            if (filled != before) frames++;
            ready = _ring.Used(parts.Length - filled);
        }
        Frames += frames;
        return filled;
    }

    /// <summary>Takes lent parts back and posts their buffers again, all with one write of the index.</summary>
    internal void Release(ReadOnlySpan<FramePart> parts)
    {
        for (int i = 0; i < parts.Length; i++)
            Post(parts[i].Buffer);
        _ring.Publish();
        Kick();
    }

    /// <summary>Tells the device what was published, if it wants to know.</summary>
    internal void Kick()
    {
        if (!_ring.KickUndecided) return;
        RingOrder.FenceBeforeNotifyCheck();
        if (_ring.WantsKick())
        {
            Kicks++;
            EventFd.Signal(_kick);
        }
        _ring.KickDecided();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Post(int buffer)
    {
        int id = _ring.Post(_pool.GuestAddress(buffer), (uint)_pool.BufferSize, writable: true);
        if (id >= 0) _bufferOf[id] = (ushort)buffer;
    }

    // A frame in several buffers: all of them are used by the time the first is seen (5.1.6.4). Without room for all parts it
    // waits for the caller's next span, and one that no span of this length can hold is thrown away. False: no further look.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool Continue(Span<FramePart> parts, ref int filled, FramePart first, int count)
    {
        _heldCount = 0;
        if (count == 0 || _ring.Used(count - 1) != count - 1)
        {
            _ring.Break(DriverRingFault.BadBufferCount, (ulong)count);
            return false;
        }
        bool drop = count > parts.Length;
        if (count > parts.Length - filled && !drop)
        {
            _held = first;
            _heldCount = count;
            return false;
        }
        if (drop)
        {
            Oversized++;
            Post(first.Buffer);
        }
        else
        {
            first.More = count > 1;
            parts[filled] = first;
        }
        for (int i = 1; i < count; i++)
        {
            int id = _ring.Take(out uint written);
            if (id < 0) return false;
            int buffer = _bufferOf[id];
            if (drop) Post(buffer);
            else parts[filled + i] = new FramePart { Data = _pool.Start(buffer), Length = (int)written, Buffer = (ushort)buffer, More = i < count - 1 };
        }
        if (!drop)
        {
            filled += count;
            return true;
        }
        _ring.Publish();
        Kick();
        return true;
    }
}
