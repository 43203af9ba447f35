using VhostSwitch.Packets;
using VhostSwitch.TestKit.Host;
using VhostSwitch.TestKit.Protocol;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Split;

namespace VhostSwitch.TestKit.Guest;

/// <summary>
/// A guest that keeps the rules: one queue pair, one buffer a frame, a kick for every burst. Simple and slow; for tests that
/// must see every frame. One thread at a time uses it.
/// </summary>
public sealed unsafe class HonestGuest : IDisposable
{
    private const uint BufferLength = 2048;

    private readonly FrontEndScript _script;
    private ushort _sent;
    private ushort _received;

    /// <summary>Connects and sets up the device; its rings run on return.</summary>
    /// <param name="path">The back-end's socket.</param>
    /// <param name="mac">The guest's address.</param>
    /// <param name="options">What it is made of.</param>
    public HonestGuest(string path, MacAddress mac, ScriptedGuestOptions options)
    {
        Mac = mac;
        Device = new ScriptedGuest(options);
        _script = FrontEndScript.Connect(path);
        for (int i = 0; i < options.RingSize; i++)
        {
            Device.Receive.Describe(i, Device.Memory.Allocate(BufferLength), BufferLength, Descriptor.Write);
            Device.Transmit.Describe(i, Device.Memory.Allocate(BufferLength), BufferLength);
            Device.Receive.Offer((ushort)i);
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
        var ring = Device.Transmit;
        Until.True(() => (ushort)(_sent - ring.UsedIndex) < ring.Size, "a transmit buffer given back");
        // Every chain is one descriptor and the device returns them in order, so the entry of the same place is free.
        int entry = _sent & (ring.Size - 1);
        ref var descriptor = ref ((Descriptor*)ring.Descriptors)[entry];
        byte* buffer = Device.Memory.At(descriptor.Address);
        new Span<byte>(buffer, Device.HeaderLength).Clear();
        frame.CopyTo(new Span<byte>(buffer + Device.HeaderLength, (int)BufferLength - Device.HeaderLength));
        descriptor.Length = (uint)(Device.HeaderLength + frame.Length);
        ring.Offer((ushort)entry);
        _sent++;
        Sent++;
        Device.Kick(1);
    }

    /// <summary>Takes a received frame.</summary>
    /// <returns>The frame; null when none has come.</returns>
    public byte[]? TryReceive()
    {
        var ring = Device.Receive;
        if (ring.UsedIndex == _received) return null;
        var used = ring.UsedAt(_received++);
        var descriptor = ((Descriptor*)ring.Descriptors)[used.Id];
        byte[] frame = new ReadOnlySpan<byte>(Device.Memory.At(descriptor.Address) + Device.HeaderLength, (int)used.Length - Device.HeaderLength).ToArray();
        ring.Offer((ushort)used.Id);
        Received++;
        return frame;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _script.Dispose();
        Device.Dispose();
    }
}
