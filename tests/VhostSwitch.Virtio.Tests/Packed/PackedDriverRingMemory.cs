using System.Runtime.InteropServices;
using VhostSwitch.Virtio.Packed;
using Xunit;

namespace VhostSwitch.Virtio.Tests.Packed;

/// <summary>The shared memory of a packed ring, with the device's pen: writes whatever a device could, allowed or not.</summary>
internal sealed unsafe class PackedDriverRingMemory : IDisposable
{
    private const int Guard = 64;
    private const byte GuardByte = 0xa5;

    private readonly byte* _memory;
    private readonly int _size;
    private readonly int _ringLength;
    private PackedPosition _available = PackedPosition.Start;
    private PackedPosition _used = PackedPosition.Start;

    public PackedDriverRingMemory(int size)
    {
        _size = size;
        _ringLength = (int)PackedLayout.RingLength(size);
        _memory = (byte*)NativeMemory.AlignedAlloc((nuint)(Guard + _ringLength + Guard + Guard), Guard);
        new Span<byte>(_memory, Guard + _ringLength + Guard + Guard).Fill(GuardByte);
    }

    public byte* Start => _memory + Guard;

    public Span<byte> RingBytes => new(Start, _ringLength);

    public ref EventSuppression DriverEvent => ref *(EventSuppression*)(Start + _ringLength + 16);

    public ref EventSuppression DeviceEvent => ref *(EventSuppression*)(Start + _ringLength + 32);

    public ref PackedDescriptor Entry(int i) => ref ((PackedDescriptor*)Start)[i];

    public PackedDriverRing Ring(bool eventIndex = false, bool inOrder = false)
    {
        _available = _used = PackedPosition.Start;
        return new(Start, Start + _ringLength + 16, Start + _ringLength + 32, _size, eventIndex, inOrder);
    }

    public PackedDeviceRing Device(bool eventIndex = false, bool inOrder = false) =>
        new(Start, Start + _ringLength + 16, Start + _ringLength + 32, _size, PackedPosition.Start, eventIndex, inOrder);

    /// <summary>True for an entry that is available in a round.</summary>
    public bool IsAvailable(int i, bool wrap)
    {
        ushort flags = Entry(i).Flags;
        return (flags & PackedDescriptor.Available) != 0 == wrap && (flags & PackedDescriptor.Used) != 0 != wrap;
    }

    /// <summary>Takes the next chain as a device does: entry by entry, the id from the last.</summary>
    /// <returns>How many entries it has; 0 when none is available.</returns>
    public int Take(out int id, out uint writable)
    {
        (id, writable) = (-1, 0);
        if (!IsAvailable(_available.Index, _available.Wrap)) return 0;
        for (int count = 1; ; count++)
        {
            ref var entry = ref Entry(_available.Index);
            Assert.True(IsAvailable(_available.Index, _available.Wrap), "an entry of the chain is not available, though its first is");
            if ((entry.Flags & Descriptor.Write) != 0) writable += entry.Length;
            id = entry.Id;
            bool more = (entry.Flags & Descriptor.HasNext) != 0;
            _available.Advance(1, _size);
            if (!more) return count;
        }
    }

    /// <summary>Writes one used entry and goes on by as many as the chain, or the batch, has.</summary>
    public void Return(int id, uint written = 0, int entries = 1, ushort? otherFlags = null)
    {
        otherFlags ??= written != 0 ? Descriptor.Write : (ushort)0;
        ref var entry = ref Entry(_used.Index);
        entry.Id = (ushort)id;
        entry.Length = written;
        entry.Flags = (ushort)((_used.Wrap ? PackedDescriptor.Available | PackedDescriptor.Used : 0) | otherFlags.Value);
        _used.Advance(entries, _size);
    }

    /// <summary>Fails when anything before, between or behind the parts was written.</summary>
    public void AssertUntouchedAround()
    {
        Assert.Equal(-1, new Span<byte>(_memory, Guard).IndexOfAnyExcept(GuardByte));
        Assert.Equal(-1, new Span<byte>(Start + _ringLength, 16).IndexOfAnyExcept(GuardByte));
        Assert.Equal(-1, new Span<byte>(Start + _ringLength + 20, 12).IndexOfAnyExcept(GuardByte));
        Assert.Equal(-1, new Span<byte>(Start + _ringLength + 36, Guard + Guard - 36).IndexOfAnyExcept(GuardByte));
    }

    public void Dispose() => NativeMemory.AlignedFree(_memory);
}
