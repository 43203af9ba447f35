using VhostSwitch.Packets;
using VhostSwitch.TestKit.Host;
using VhostSwitch.TestKit.Protocol;
using VhostSwitch.Virtio;

namespace VhostSwitch.TestKit.Guest;

/// <summary>
/// A guest that keeps the rules: one queue pair, one buffer a frame, a kick for every burst. Simple and slow; for tests that
/// must see every frame. One thread at a time uses it.
/// </summary>
public sealed unsafe class HonestGuest : IDisposable
{
    private const uint BufferLength = 2048;

    private readonly FrontEndScript _script;
    private readonly RingWriter _receive;
    private readonly RingWriter _transmit;
    private readonly ulong[] _receiveBuffers;
    private readonly ulong[] _transmitBuffers;
    private readonly Queue<int> _free = [];

    /// <summary>Connects and sets up the device; its rings run on return.</summary>
    /// <param name="path">The back-end's socket.</param>
    /// <param name="mac">The guest's address.</param>
    /// <param name="options">What it is made of.</param>
    public HonestGuest(string path, MacAddress mac, ScriptedGuestOptions options)
    {
        Mac = mac;
        Device = new ScriptedGuest(options);
        _receive = Device.Rings[0];
        _transmit = Device.Rings[1];
        _receiveBuffers = [.. Enumerable.Range(0, options.RingSize).Select(_ => Device.Memory.Allocate(BufferLength))];
        _transmitBuffers = [.. Enumerable.Range(0, options.RingSize).Select(_ => Device.Memory.Allocate(BufferLength))];
        _script = FrontEndScript.Connect(path);
        for (int i = 0; i < options.RingSize; i++)
        {
            _receive.Post(i, _receiveBuffers[i], BufferLength, deviceWrites: true);
            _free.Enqueue(i);
        }
        FrontEndHandshake.Qemu(_script, Device);
    }

    /// <summary>The guest's address.</summary>
    public MacAddress Mac { get; }

    /// <summary>Its memory and rings.</summary>
    public ScriptedGuest Device { get; }

    /// <summary>Its connection.</summary>
    public FrontEndScript Script => _script;

    /// <summary>Frames given to the device.</summary>
    public ulong Sent { get; private set; }

    /// <summary>Frames taken from the device.</summary>
    public ulong Received { get; private set; }

    /// <summary>Sends a frame.</summary>
    /// <param name="frame">The frame.</param>
    /// <exception cref="TimeoutException">The device takes nothing.</exception>
    public void Send(ReadOnlySpan<byte> frame)
    {
        Until.True(Reclaim, "a transmit buffer given back");
        int number = _free.Dequeue();
        byte* buffer = Device.Memory.At(_transmitBuffers[number]);
        new Span<byte>(buffer, Device.HeaderLength).Clear();
        frame.CopyTo(new Span<byte>(buffer + Device.HeaderLength, (int)BufferLength - Device.HeaderLength));
        _transmit.Post(number, _transmitBuffers[number], (uint)(Device.HeaderLength + frame.Length), deviceWrites: false);
        Sent++;
        Device.Kick(1);
    }

    /// <summary>Takes a received frame.</summary>
    /// <returns>The frame; null when none has come.</returns>
    public byte[]? TryReceive()
    {
        if (!_receive.TryTakeUsed(out int number, out uint written)) return null;
        byte* buffer = Device.Memory.At(_receiveBuffers[number]);
        byte[] frame = new ReadOnlySpan<byte>(buffer + Device.HeaderLength, (int)written - Device.HeaderLength).ToArray();
        _receive.Post(number, _receiveBuffers[number], BufferLength, deviceWrites: true);
        Received++;
        return frame;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _script.Dispose();
        Device.Dispose();
    }

    // True when there is a buffer to send with.
    private bool Reclaim()
    {
        while (_transmit.TryTakeUsed(out int number, out _))
            _free.Enqueue(number);
        return _free.Count > 0;
    }
}
