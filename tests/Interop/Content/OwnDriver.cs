using VhostSwitch.VirtioUser;

namespace VhostSwitch.Interop.Content;

/// <summary>The driver that vhost-switch has of its own.</summary>
internal sealed unsafe class OwnDriver : IFrameEnd
{
    private const int MostParts = 64;
    private const int WaitMs = 1;

    private readonly VirtioUserPort _port;
    private readonly FramePart[] _parts = new FramePart[MostParts];
    private int _next;
    private int _count;

    public OwnDriver(VirtioUserOptions options)
    {
        _port = new VirtioUserPort(options);
        try
        {
            _port.Start();
        }
        catch
        {
            _port.Dispose();
            throw;
        }
    }

    public VirtioUserPort Port => _port;

    public int QueuePairs => 1;

    public bool TrySend(int pair, ReadOnlySpan<byte> frame, int parts)
    {
        int least = (frame.Length + _port.Capacity - 1) / _port.Capacity;
        Span<FramePart> borrowed = stackalloc FramePart[Math.Max(least, parts)];
        int count = _port.Borrow(borrowed);
        if (count == borrowed.Length)
        {
            for (int i = 0; i < count; i++)
            {
                // What is left is shared among the parts that are left: all lengths differ by one at most.
                int length = frame.Length / (count - i);
                frame[..length].CopyTo(new Span<byte>(borrowed[i].Data, length));
                frame = frame[length..];
                borrowed[i].Length = length;
                borrowed[i].More = i < count - 1;
            }
            if (_port.Transmit(borrowed) == count)
                return true;
        }
        _port.Return(borrowed[..count]);
        return false;
    }

    public int TryReceive(int pair, Span<byte> frame)
    {
        if (_next == _count)
        {
            _port.Release(_parts.AsSpan(0, _count));
            _next = 0;
            _count = _port.Receive(_parts);
            if (_count == 0)
                return -1;
        }
        int length = 0;
        while (true)
        {
            FramePart part = _parts[_next++];
            new ReadOnlySpan<byte>(part.Data, part.Length).CopyTo(frame[length..]);
            length += part.Length;
            if (!part.More)
                return length;
        }
    }

    public void Wait() => _port.Wait(WaitMs);

    public void Dispose() => _port.Dispose();

    public override string ToString() => $"own driver: {_port.LinkReason}, {_port.TransmittedFrames} sent, {_port.ReceivedFrames} received";
}
