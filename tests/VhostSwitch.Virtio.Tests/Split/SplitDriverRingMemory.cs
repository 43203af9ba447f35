using System.Runtime.InteropServices;
using VhostSwitch.Virtio.Split;

namespace VhostSwitch.Virtio.Tests.Split;

/// <summary>The shared memory of a ring, with the device's pen: writes whatever a device could, allowed or not.</summary>
internal sealed unsafe class SplitDriverRingMemory : IDisposable
{
    private readonly byte* _memory;
    private readonly int _size;

    public SplitDriverRingMemory(int size)
    {
        _size = size;
        uint length = SplitLayout.DescriptorTableLength(size) + SplitLayout.AvailableLength(size) + SplitLayout.UsedLength(size) + 64;
        _memory = (byte*)NativeMemory.AlignedAlloc(length, 64);
        new Span<byte>(_memory, (int)length).Fill(0xa5);
    }

    public byte* Descriptors => _memory;

    public byte* Available => _memory + SplitLayout.DescriptorTableLength(_size);

    public byte* Used => _memory + ((SplitLayout.DescriptorTableLength(_size) + SplitLayout.AvailableLength(_size) + 3) / 4 * 4);

    public ref Descriptor Descriptor(int i) => ref ((Descriptor*)Descriptors)[i];

    public ref ushort AvailableFlags => ref ((ushort*)Available)[0];

    public ref ushort AvailableIndex => ref ((ushort*)Available)[1];

    public ref ushort AvailableEntry(int slot) => ref ((ushort*)(Available + SplitLayout.EntriesOffset))[slot];

    public ref ushort UsedEvent => ref *(ushort*)(Available + SplitLayout.UsedEventOffset(_size));

    public ref ushort UsedFlags => ref ((ushort*)Used)[0];

    public ref ushort UsedIndex => ref ((ushort*)Used)[1];

    public ref UsedElement UsedEntry(int slot) => ref ((UsedElement*)(Used + SplitLayout.EntriesOffset))[slot];

    public ref ushort AvailEvent => ref *(ushort*)(Used + SplitLayout.AvailEventOffset(_size));

    public SplitDriverRing Ring(bool eventIndex = false, bool inOrder = false) => new(Descriptors, Available, Used, _size, eventIndex, inOrder);

    public SplitDeviceRing Device(bool eventIndex = false) => new(Descriptors, Available, Used, _size, 0, eventIndex);

    /// <summary>Returns one chain as a device does.</summary>
    public void Return(uint id, uint written = 0)
    {
        UsedEntry(UsedIndex & (_size - 1)) = new UsedElement { Id = id, Length = written };
        UsedIndex++;
    }

    /// <summary>Returns the next chains in order with one entry, for the last of them.</summary>
    public void ReturnBatch(uint id, int count, uint written = 0)
    {
        UsedEntry(UsedIndex & (_size - 1)) = new UsedElement { Id = id, Length = written };
        UsedIndex += (ushort)count;
    }

    public void Dispose() => NativeMemory.AlignedFree(_memory);
}
