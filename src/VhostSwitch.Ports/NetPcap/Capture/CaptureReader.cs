using System.Buffers.Binary;

namespace VhostSwitch.Ports.NetPcap.Capture;

/// <summary>Finds the frames in a capture file of either format. Files are not trusted: every length is checked before it is used.</summary>
public static class CaptureReader
{
    /// <summary>The link type of Ethernet, in both formats (<c>LINKTYPE_ETHERNET</c>).</summary>
    public const ushort Ethernet = 1;

    /// <summary>The most bytes of a frame that a file may claim to hold, as libpcap has it: anything longer is a length gone wrong.</summary>
    public const uint MaxFrameLength = 262_144;

    private const ushort GzipMagic = 0x1f8b;

    /// <summary>Reads a file's records.</summary>
    /// <param name="bytes">The file.</param>
    /// <exception cref="PortException">It is no capture file, a broken one, or not one of Ethernet frames.</exception>
    public static CaptureContents Read(CaptureBytes bytes)
    {
        if (bytes.Length == 0) throw bytes.Refused("is empty; a pcap or pcapng file is needed");
        if (bytes.Length >= 4)
        {
            if (PcapReader.Recognises(bytes)) return PcapReader.Read(bytes);
            if (PcapngReader.Recognises(bytes)) return PcapngReader.Read(bytes);
        }
        throw bytes.Length >= 2 && BinaryPrimitives.ReadUInt16BigEndian(bytes.Span(0, 2)) == GzipMagic
            ? bytes.Refused("is compressed; unpack it with gunzip first")
            : bytes.Refused("is neither a pcap nor a pcapng file; 'editcap -F pcap' makes one of most others");
    }

    /// <summary>Refuses frames of another kind of network.</summary>
    /// <param name="bytes">The file.</param>
    /// <param name="linkType">The link type it says.</param>
    /// <exception cref="PortException">It is not that of Ethernet.</exception>
    internal static void DemandEthernet(CaptureBytes bytes, ushort linkType)
    {
        if (linkType == Ethernet) return;
        throw bytes.Refused($"has frames of link type {linkType}; only Ethernet (1) is taken: capture at an Ethernet interface, not at 'any'");
    }

    /// <summary>Refuses a frame longer than <see cref="MaxFrameLength"/>.</summary>
    /// <param name="bytes">The file.</param>
    /// <param name="at">Where its record begins.</param>
    /// <param name="length">How many bytes of it the record says it has.</param>
    /// <exception cref="PortException">It is.</exception>
    internal static void DemandLength(CaptureBytes bytes, ulong at, uint length)
    {
        if (length > MaxFrameLength) throw bytes.Broken(at, $"a frame of {length} bytes; {MaxFrameLength} are the most");
    }
}
