namespace VhostSwitch.Ports.NetPcap.Capture;

/// <summary>
/// Reads the format that Wireshark writes (draft-ietf-opsawg-pcapng): blocks, each with its type and length. Blocks that hold no frames
/// and do not say how to read them are passed over.
/// </summary>
internal sealed class PcapngReader
{
    /// <summary>The type of a section's first block; the same in both byte orders.</summary>
    public const uint SectionHeader = 0x0a0d0d0a;

    /// <summary>The type of a block that describes an interface.</summary>
    public const uint InterfaceDescription = 1;

    /// <summary>The type of a block with a frame, which later versions of the format no longer have.</summary>
    public const uint ObsoletePacket = 2;

    /// <summary>The type of a block with a frame and nothing else.</summary>
    public const uint SimplePacket = 3;

    /// <summary>The type of a block with a frame.</summary>
    public const uint EnhancedPacket = 6;

    /// <summary>What a section header has behind its length, in the byte order of its section.</summary>
    public const uint ByteOrderMagic = 0x1a2b3c4d;

    /// <summary>The option of an interface with the unit of its timestamps: 10 (or 2, by the highest bit) to the minus so many seconds.</summary>
    public const ushort TimestampResolution = 9;

    /// <summary>The option of an interface with seconds to be added to its timestamps.</summary>
    public const ushort TimestampOffset = 14;

    /// <summary>Length in bytes of what every block has: type and length before, length behind.</summary>
    public const uint BlockFrame = 12;

    // As libpcap has it: anything longer is a length gone wrong, not a block that the file does not hold whole.
    private const uint MaxBlockLength = 16 * 1024 * 1024;
    private const byte Microseconds = 6;

    private readonly CaptureBytes _bytes;
    private readonly List<CaptureRecord> _records = [];
    private readonly List<Interface> _interfaces = [];
    private long _lastTimestampNs;

    private PcapngReader(CaptureBytes bytes) => _bytes = bytes;

    /// <summary>True for such a file.</summary>
    public static bool Recognises(CaptureBytes bytes) => bytes.U32(0) == SectionHeader;

    /// <summary>Reads the records.</summary>
    /// <exception cref="PortException">The file is broken or of another network.</exception>
    public static CaptureContents Read(CaptureBytes bytes) => new PcapngReader(bytes).Read();

    private CaptureContents Read()
    {
        for (ulong at = 0; at < _bytes.Length;)
        {
            ulong left = _bytes.Length - at;
            if (left < BlockFrame) return new CaptureContents([.. _records], at);
            uint type = _bytes.U32(at);
            if (type == SectionHeader) BeginSection(at);
            uint length = _bytes.U32(at + 4);
            if (length < BlockFrame || length % 4 != 0 || length > MaxBlockLength) throw _bytes.Broken(at, $"a block of {length} bytes");
            if (length > left) return new CaptureContents([.. _records], at);
            uint behind = _bytes.U32(at + length - 4);
            if (behind != length) throw _bytes.Broken(at, $"a block has {length} bytes by the length before it and {behind} by that behind it");
            ReadBlock(type, at, length);
            at += length;
        }
        return new CaptureContents([.. _records], null);
    }

    private void ReadBlock(uint type, ulong at, uint length)
    {
        switch (type)
        {
            case SectionHeader:
                Demand(at, length, BlockFrame + 16);
                if (_bytes.U16(at + 12) is var major && major != 1) throw _bytes.Refused($"has version {major} of the pcapng format; 1 is taken");
                break;
            case InterfaceDescription:
                Demand(at, length, BlockFrame + 8);
                CaptureReader.DemandEthernet(_bytes, _bytes.U16(at + 8));
                _interfaces.Add(ReadOptions(at + 16, at + length - 4, _bytes.U32(at + 12)));
                break;
            case EnhancedPacket or ObsoletePacket:
                const uint Header = 20;
                Demand(at, length, BlockFrame + Header);
                uint number = type == EnhancedPacket ? _bytes.U32(at + 8) : _bytes.U16(at + 8);
                ulong units = ((ulong)_bytes.U32(at + 12) << 32) | _bytes.U32(at + 16);
                _lastTimestampNs = InterfaceOf(at, number).ToNs(units);
                Add(at, at + 8 + Header, length - BlockFrame - Header, _bytes.U32(at + 20), _bytes.U32(at + 24));
                break;
            case SimplePacket:
                Demand(at, length, BlockFrame + 4);
                uint original = _bytes.U32(at + 8), most = InterfaceOf(at, 0).SnapLength;
                // It has no timestamp: as if it had followed the frame before at once.
                Add(at, at + 12, length - BlockFrame - 4, most == 0 ? original : Math.Min(original, most), original);
                break;
        }
    }

    // The byte order must be known before the length can be read.
    private void BeginSection(ulong at)
    {
        _bytes.BigEndian = false;
        if (_bytes.U32(at + 8) != ByteOrderMagic) _bytes.BigEndian = true;
        if (_bytes.U32(at + 8) != ByteOrderMagic) throw _bytes.Broken(at, "a section without its byte-order magic");
        _interfaces.Clear();
    }

    private Interface ReadOptions(ulong at, ulong end, uint snapLength)
    {
        const uint OptionHeader = 4;
        byte resolution = Microseconds;
        long offset = 0;
        while (end - at >= OptionHeader)
        {
            ushort code = _bytes.U16(at), length = _bytes.U16(at + 2);
            if (code == 0) break;
            ulong padded = ((ulong)length + 3) & ~3ul;
            if (padded > end - at - OptionHeader) throw _bytes.Broken(at, $"an option of {length} bytes, longer than its block");
            if (code == TimestampResolution && length >= 1) resolution = _bytes.U8(at + OptionHeader);
            if (code == TimestampOffset && length >= 8) offset = (long)_bytes.U64(at + OptionHeader);
            at += OptionHeader + padded;
        }
        return new Interface(snapLength, resolution, offset);
    }

    private Interface InterfaceOf(ulong at, uint number) =>
        number < _interfaces.Count
            ? _interfaces[(int)number]
            : throw _bytes.Broken(at, $"a frame of interface {number}, which is not described before");

    private void Add(ulong block, ulong at, uint room, uint length, uint original)
    {
        if (length > room) throw _bytes.Broken(block, $"a frame of {length} bytes in a block with room for {room}");
        CaptureReader.DemandLength(_bytes, block, length);
        _records.Add(new CaptureRecord(at, length, original, _lastTimestampNs));
    }

    private void Demand(ulong at, uint length, uint least)
    {
        if (length < least) throw _bytes.Broken(at, $"a block of {length} bytes; one of its type has {least} at least");
    }

    private readonly record struct Interface(uint SnapLength, byte Resolution, long OffsetSeconds)
    {
        private const int NsPerSecond = 1_000_000_000;

        /// <summary>A timestamp in nanoseconds since 1970, kept within what that can say.</summary>
        public long ToNs(ulong units)
        {
            const int PowerOfTwo = 0x80, DigitsOfNs = 9, MostDigits = 30;
            int exponent = Resolution & ~PowerOfTwo;
            Int128 ns;
            if ((Resolution & PowerOfTwo) != 0) ns = exponent >= 94 ? 0 : ((Int128)units * NsPerSecond) >> exponent;
            else if (exponent <= DigitsOfNs) ns = units * Power(DigitsOfNs - exponent);
            else ns = exponent >= MostDigits ? 0 : units / Power(exponent - DigitsOfNs);
            ns += (Int128)OffsetSeconds * NsPerSecond;
            return (long)Int128.Clamp(ns, 0, long.MaxValue);
        }

        private static Int128 Power(int exponent)
        {
            Int128 power = 1;
            for (; exponent > 0; exponent--)
                power *= 10;
            return power;
        }
    }
}
