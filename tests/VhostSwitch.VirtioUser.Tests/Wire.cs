using VhostSwitch.Linux;
using VhostSwitch.Virtio;

namespace VhostSwitch.VirtioUser.Tests;

/// <summary>What a <see cref="Wire"/> does to a frame.</summary>
internal enum Fate
{
    Pass,
    Drop,
    Repeat,

    /// <summary>Goes behind the next one.</summary>
    Delay,
}

/// <summary>
/// A device of its own on two back-ends that carries frames between their ports, on a thread of its own, and does to them what
/// the test wants. Receive buffers are filled to their end, so that a long frame spans several.
/// </summary>
internal sealed unsafe class Wire : IDisposable
{
    public delegate Fate Tamper(int from, ulong number, Span<byte> frame);

    private readonly ScriptedBackEnd[] _ends;
    private readonly Tamper _tamper;
    private readonly Thread _thread;
    private volatile bool _stop;

    public Wire(ScriptedBackEnd a, ScriptedBackEnd b, Tamper tamper)
    {
        _ends = [a, b];
        _tamper = tamper;
        a.WaitUntilReady();
        b.WaitUntilReady();
        bool packed = (a.Acknowledged & Features.RingPacked) != 0;
        ThreadStart run = packed ? () => Run((end, ring) => end.PackedRing(ring)) : () => Run((end, ring) => end.Ring(ring));
        _thread = new Thread(run) { IsBackground = true };
        _thread.Start();
    }

    /// <summary>Calls sent to the ports.</summary>
    public int Calls { get; private set; }

    public void Dispose()
    {
        _stop = true;
        _thread.Join();
    }

    private void Run<TRing>(Func<ScriptedBackEnd, int, TRing> ring)
        where TRing : struct, IDeviceRing
    {
        TRing[] receive = [ring(_ends[0], 0), ring(_ends[1], 0)], transmit = [ring(_ends[0], 1), ring(_ends[1], 1)];
        byte[] frame = new byte[65536];
        byte[]?[] delayed = [null, null];
        ulong[] numbers = new ulong[2];
        while (!_stop)
        {
            bool worked = false;
            for (int from = 0; from < 2; from++)
            {
                int to = 1 - from;
                // A frame is taken only when the longest has room: nothing is lost by the wire itself.
                if (transmit[from].Available(1) != 1 || !HasRoom(ref receive[to])) continue;
                worked = true;
                int length = Read(ref transmit[from], _ends[from], frame);
                Fate fate = _tamper(from, numbers[from]++, frame.AsSpan(0, length));
                if (fate == Fate.Delay)
                {
                    delayed[from] = frame[..length];
                    continue;
                }
                if (fate != Fate.Drop) Write(ref receive[to], _ends[to], frame.AsSpan(0, length));
                if (fate == Fate.Repeat) Write(ref receive[to], _ends[to], frame.AsSpan(0, length));
                if (delayed[from] is null) continue;
                Write(ref receive[to], _ends[to], delayed[from]);
                delayed[from] = null;
            }
            if (!worked) Thread.Sleep(0);
        }
    }

    // How many chains are available only looking at them tells.
    private static bool HasRoom<TRing>(ref TRing ring)
        where TRing : struct, IDeviceRing
    {
        int wanted = Math.Min(80, ring.Size / 4);
        if (ring.Available(wanted) < wanted) return false;
        for (int i = 0; i < wanted; i++)
        {
            if (ring.Peek(i, out _) < 0) return false;
        }
        return true;
    }

    // The frame without its network header.
    private int Read<TRing>(ref TRing ring, ScriptedBackEnd end, byte[] into)
        where TRing : struct, IDeviceRing
    {
        int headerLength = NetHeader.LengthFor(end.Acknowledged);
        int id = ring.Peek(0, out var descriptor);
        Assert.True(id >= 0);
        int length = 0;
        while (true)
        {
            Assert.Equal(0, descriptor.Flags & Descriptor.Write);
            Assert.True(end.Memory.Read(new GuestAddress(descriptor.Address), into.AsSpan(length, (int)descriptor.Length)));
            length += (int)descriptor.Length;
            if ((descriptor.Flags & Descriptor.HasNext) == 0) break;
            Assert.True(ring.Follow(ref descriptor));
        }
        Assert.True(into.AsSpan(0, headerLength).IndexOfAnyExcept((byte)0) < 0, "a header that asks for something");
        into.AsSpan(headerLength, length - headerLength).CopyTo(into);
        ring.Use(0, id, 0);
        ring.Publish(1);
        Call(ref ring, end, 1);
        return length - headerLength;
    }

    private void Write<TRing>(ref TRing ring, ScriptedBackEnd end, ReadOnlySpan<byte> frame)
        where TRing : struct, IDeviceRing
    {
        int headerLength = NetHeader.LengthFor(end.Acknowledged);
        byte[] bytes = new byte[headerLength + frame.Length];
        frame.CopyTo(bytes.AsSpan(headerLength));
        Span<byte> left = bytes;
        int used = 0;
        byte* first = null;
        Assert.True(ring.Available(80) > 0);
        while (left.Length > 0)
        {
            int id = ring.Peek(used, out var descriptor);
            Assert.True(id >= 0);
            Assert.Equal(Descriptor.Write, descriptor.Flags);
            byte* at = end.Memory.Translate(new GuestAddress(descriptor.Address), descriptor.Length, out ulong contiguous);
            Assert.Equal(descriptor.Length, contiguous);
            int part = (int)Math.Min(descriptor.Length, (uint)left.Length);
            left[..part].CopyTo(new Span<byte>(at, part));
            if (used == 0) first = at;
            ring.Use(used++, id, (uint)part);
            left = left[part..];
        }
        Assert.True(used == 1 || (end.Acknowledged & Features.MrgRxbuf) != 0, "the frame does not fit one buffer");
        if (headerLength == NetHeader.Size) ((NetHeader*)first)->NumBuffers = (ushort)used;
        ring.Publish(used);
        Call(ref ring, end, 0);
    }

    private void Call<TRing>(ref TRing ring, ScriptedBackEnd end, int index)
        where TRing : struct, IDeviceRing
    {
        RingOrder.FenceBeforeNotifyCheck();
        if (ring.WantsCall())
        {
            EventFd.Signal(end.Calls[index]!.Number);
            Calls++;
        }
        ring.CallDecided();
    }
}
