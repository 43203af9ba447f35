using VhostSwitch.TestKit.Guest;
using VhostSwitch.TestKit.Protocol;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Split;

namespace VhostSwitch.Interop.Content;

/// <summary>
/// A guest with several queue pairs, which the own driver does not have: what it sends by a pair goes to the same pair of the
/// receiver. One buffer a frame, all rings polled.
/// </summary>
internal sealed unsafe class ManyPairGuest : IFrameEnd
{
    public const int RingSize = 64;
    private const uint BufferLength = 2048;

    private readonly ScriptedGuest _guest;
    private readonly FrontEndScript _script;
    private readonly ushort[] _sent;
    private readonly ushort[] _received;

    public ManyPairGuest(string path, int queuePairs)
    {
        Features features = Features.Version1 | Features.ProtocolFeatures | Features.Mq;
        _guest = new ScriptedGuest(new() { QueuePairs = queuePairs, RingSize = RingSize, Features = features });
        _sent = new ushort[queuePairs];
        _received = new ushort[queuePairs];
        for (int pair = 0; pair < queuePairs; pair++)
        {
            for (int i = 0; i < RingSize; i++)
            {
                Receive(pair).Describe(i, _guest.Memory.Allocate(BufferLength), BufferLength, Descriptor.Write);
                Transmit(pair).Describe(i, _guest.Memory.Allocate(BufferLength), BufferLength);
                Receive(pair).Offer((ushort)i);
            }
        }
        _script = FrontEndScript.Connect(path);
        FrontEndHandshake.VirtioUser(_script, _guest);
    }

    public int QueuePairs => _sent.Length;

    public bool TrySend(int pair, ReadOnlySpan<byte> frame, int parts)
    {
        SplitRingWriter ring = Transmit(pair);
        if ((ushort)(_sent[pair] - ring.UsedIndex) == RingSize)
            return false;
        // The device returns chains in order, and each is one descriptor: the entry of the same place is free.
        int entry = _sent[pair]++ % RingSize;
        ref Descriptor descriptor = ref ((Descriptor*)ring.Descriptors)[entry];
        Span<byte> buffer = new(_guest.Memory.At(descriptor.Address), (int)BufferLength);
        buffer[.._guest.HeaderLength].Clear();
        frame.CopyTo(buffer[_guest.HeaderLength..]);
        descriptor.Length = (uint)(_guest.HeaderLength + frame.Length);
        ring.Offer((ushort)entry);
        _guest.Kick((2 * pair) + 1);
        return true;
    }

    public int TryReceive(int pair, Span<byte> frame)
    {
        SplitRingWriter ring = Receive(pair);
        if (ring.UsedIndex == _received[pair])
            return -1;
        UsedElement used = ring.UsedAt(_received[pair]++);
        ulong address = ((Descriptor*)ring.Descriptors)[used.Id].Address;
        Span<byte> received = new(_guest.Memory.At(address), (int)used.Length);
        received[_guest.HeaderLength..].CopyTo(frame);
        ring.Offer((ushort)used.Id);
        return received.Length - _guest.HeaderLength;
    }

    public void Wait() => Thread.Sleep(0);

    public void Dispose()
    {
        _script.Dispose();
        _guest.Dispose();
    }

    private SplitRingWriter Receive(int pair) => (SplitRingWriter)_guest.Rings[2 * pair];

    private SplitRingWriter Transmit(int pair) => (SplitRingWriter)_guest.Rings[(2 * pair) + 1];
}
