using System.Runtime.InteropServices;
using VhostSwitch.Linux;
using VhostSwitch.TestKit.Guest;
using VhostSwitch.Vhost;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Packed;
using VhostSwitch.Virtio.Split;

namespace VhostSwitch.Fuzz;

/// <summary>
/// Two rings of a guest, one of each direction, set up properly and then written to as the input says. What the guest sends it gets
/// back, so that both directions meet whatever the driver wrote, headers with offloads included.
/// </summary>
internal sealed unsafe class RingTarget : IFuzzTarget
{
    private const ulong RegionStart = 0x10_0000;
    private const ulong RegionLength = 0x1_0000;
    private const int MostEntries = 16;
    private const int PartLength = 0x200;
    private const ulong TableOffset = 6 * PartLength;
    private const int TableEntries = 32;
    private const ulong BufferOffset = 0x2000;
    private const int CleanLength = 0x6000;

    private static readonly uint[] Lengths = [0, 1, 10, 11, 12, 13, 14, 26, 60, 64, 72, 128, 1514, 1526, 2048, 4096, 0xffff, 0x1_0000, 0x1_000b, 0x10_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_ffff];

    private readonly bool _packed;
    private readonly GuestMemoryMap _guest = new("fuzz-ring");
    private readonly MemoryTable _memory;
    private readonly QueueOwner _owner = new();
    private readonly byte* _base;

    public RingTarget(bool packed)
    {
        _packed = packed;
        _guest.Add(RegionStart, RegionLength);
        _guest.Add(RegionStart + RegionLength, RegionLength);
        _memory = MemoryTable.Map(_guest.Descriptions, [.. _guest.Files.Select(f => f.File)]);
        _base = _guest.At(RegionStart);
    }

    public string Name => _packed ? "packed" : "split";

    // A frame from a plain buffer, from a chain, from a table; a buffer to receive it; an empty round.
    public IReadOnlyList<byte[]> Seeds =>
    [
        [0, 0, 0],
        [1, 15, 0, 0, 0, 0, 0, 14, 2, 0, 4, 0, 0, 0, 1, 0, 1, 0, 10, 0, 0, 4, 1, 0, 6],
        [3, 15, 0, 0, 0, 0, 0, 14, 2, 0, 4, 0, 0, 0, 1, 0, 4, 0, 4, 1, 1, 0, 1, 1, 0, 5, 7, 0, 1, 4, 1, 0, 6, 7, 6],
        [7, 15, 0, 0, 1, 0, 32, 0, 7, 4, 0, 2, 0, 0, 4, 1, 1, 2, 1, 0, 5, 7, 0, 1, 4, 1, 0, 6],
    ];

    public void Run(ReadOnlySpan<byte> bytes)
    {
        NativeMemory.Clear(_base, CleanLength);
        var input = new InputReader(bytes);
        byte options = input.Byte();
        int size = 1 + (input.Byte() % MostEntries);
        if (!_packed) size = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)size);
        ushort first = input.UInt16();
        var features = Features.Version1 | Features.IndirectDesc | (_packed ? Features.RingPacked : 0)
            | ((options & 1) != 0 ? Features.MrgRxbuf : 0)
            | ((options & 2) != 0 ? Features.EventIdx : 0)
            | ((options & 4) != 0 ? Features.InOrder : 0)
            | ((options & 8) != 0 ? DeviceOptions.ChecksumFeatures : 0)
            | ((options & 16) != 0 ? DeviceOptions.ChecksumFeatures | DeviceOptions.SegmentationFeatures : 0);
        using (var device = new Device(0, new DeviceOptions(features, ProtocolFeatures.None, 1), _owner))
        {
            device.SetFeatures(features);
            // The mappings are shared by all inputs.
            device.SetMemory(_memory.Without(default));
            if ((options & 32) != 0) device.MakeInflight(2, _packed ? size : (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)size));
            for (uint ring = 0; ring < 2; ring++)
                Start(device, ring, size, first);
            while (!input.IsEmpty)
                Step(device, ref input, size);
            _owner.Poll(device);
            for (uint ring = 0; ring < 2; ring++)
                device.StopRing(ring);
        }
        _owner.MustBeIdle();
        if (!_guest.GuardsAreIntact) throw new FuzzFinding("something was written outside the guest's memory");
    }

    public void Dispose()
    {
        _owner.Dispose();
        _memory.Dispose();
        _guest.Dispose();
    }

    private static ulong PartOf(uint ring, int part) => RegionStart + (ulong)(((3 * (int)ring) + part) * PartLength);

    private void Start(Device device, uint ring, int size, ushort first)
    {
        device.SetRingSize(ring, (uint)size);
        // Both halves of a packed position, each within the ring: what is beyond is refused before any ring is looked at.
        uint position = (uint)((first & PackedLayout.WrapBit) | ((first & 0xff) % size));
        device.SetRingBase(ring, _packed ? position | (position << 16) : first);
        if (!_packed)
        {
            *(ushort*)At(PartOf(ring, 1) + 2) = first;
            *(ushort*)At(PartOf(ring, 2) + 2) = first;
        }
        device.SetRingAddresses(ring, new VringAddresses(
            GuestMemoryMap.FrontEndAddress(PartOf(ring, 0)), GuestMemoryMap.FrontEndAddress(PartOf(ring, 1)), GuestMemoryMap.FrontEndAddress(PartOf(ring, 2))));
        device.SetRingKick(ring, null);
    }

    private byte* At(ulong address) => _base + (address - RegionStart);

    // One thing that a driver may do, or one pass of the switch.
    private void Step(Device device, ref InputReader input, int size)
    {
        byte what = input.Byte();
        uint ring = what >= 0x80 ? 0u : 1u;
        switch (what % 10)
        {
            case 0: Describe(At(PartOf(ring, 0) + (ulong)(input.Byte() % size * 16)), ref input); break;
            case 4: Describe(At(RegionStart + TableOffset + (ulong)(input.Byte() % TableEntries * 16)), ref input); break;
            case 1: Offer(ring, input.Byte(), size); break;
            case 7: Offer(0, input.Byte(), size); break;
            case 2: *At(PartOf(ring, input.Byte() % 3) + (ulong)(input.UInt16() % PartLength)) = input.Byte(); break;
            case 3: *At(RegionStart + BufferOffset + (ulong)(input.UInt16() % (CleanLength - (int)BufferOffset))) = input.Byte(); break;
            case 5: _owner.Sleep(); break;
            case 8: Receivable(input.Byte(), size); break;
            case 9: Restart(device, ring); break;
            default: _owner.Poll(device); break;
        }
    }

    // Address, length, flags, and the index of the next descriptor or the buffer's id: at the same places in both kinds of ring but for the
    // last two, which change places.
    private void Describe(byte* at, ref InputReader input)
    {
        byte where = input.Byte();
        ulong address = (where % 8) switch
        {
            0 or 1 or 2 => RegionStart + BufferOffset + ((ulong)input.Byte() * 64),
            3 => RegionStart + TableOffset + (ulong)(input.Byte() % TableEntries * 16),
            4 => RegionStart + RegionLength - input.Byte(),
            5 => RegionStart + (2 * RegionLength) - input.Byte(),
            6 => PartOf(input.Byte() % 2u, 0),
            _ => ulong.MaxValue - input.Byte(),
        };
        *(ulong*)at = address;
        *(uint*)(at + 8) = Lengths[input.Byte() % Lengths.Length];
        byte flags = input.Byte();
        ushort number = input.Byte();
        *(ushort*)(at + (_packed ? PackedLayout.FlagsOffset : 12)) = (ushort)((flags & 0x7f) | ((flags & 0x80) != 0 ? PackedDescriptor.Used : 0));
        *(ushort*)(at + (_packed ? PackedLayout.IdOffset : 14)) = number;
    }

    // A split ring's head is put into the available ring; a packed ring's descriptor gets the flags of either wrap.
    private void Offer(uint ring, byte which, int size)
    {
        if (!_packed)
        {
            byte* available = At(PartOf(ring, 1));
            ushort index = *(ushort*)(available + 2);
            *(ushort*)(available + 4 + (2 * (index % size))) = which;
            *(ushort*)(available + 2) = (ushort)(index + 1);
            return;
        }
        ushort* flags = (ushort*)(At(PartOf(ring, 0) + (ulong)(which % size * PackedLayout.DescriptorSize)) + PackedLayout.FlagsOffset);
        const ushort Both = PackedDescriptor.Available | PackedDescriptor.Used;
        *flags = (ushort)((*flags & ~Both) | ((which & 0x80) == 0 ? PackedDescriptor.Available : PackedDescriptor.Used));
    }

    // An ordinary buffer to receive into, since random ones are rarely any good.
    private void Receivable(byte which, int size)
    {
        byte* at = At(PartOf(0, 0) + (ulong)(which % size * 16));
        *(ulong*)at = RegionStart + BufferOffset + 0x2000 + ((ulong)which * 16);
        *(uint*)(at + 8) = 2048;
        *(ushort*)(at + (_packed ? PackedLayout.FlagsOffset : 12)) = Descriptor.Write;
        *(ushort*)(at + (_packed ? PackedLayout.IdOffset : 14)) = (ushort)(which % size);
        Offer(0, which, size);
    }

    // The front-end stops a ring and starts it where it was told that it stopped.
    private static void Restart(Device device, uint ring)
    {
        uint next = device.StopRing(ring);
        try
        {
            device.SetRingBase(ring, next);
        }
        catch (VhostException e)
        {
            throw new FuzzFinding($"the position {next} that stopping ring {ring} gave is refused: {e.Message}");
        }
        device.SetRingKick(ring, null);
    }
}
