namespace VhostSwitch.Ports.NetPcap.Capture;

/// <summary>Reads the format that libpcap writes (draft-ietf-opsawg-pcap): a header, then records until the file ends.</summary>
internal static class PcapReader
{
    /// <summary>The first number of a file whose timestamps have microseconds.</summary>
    public const uint MicrosecondMagic = 0xa1b2c3d4;

    /// <summary>The first number of a file whose timestamps have nanoseconds.</summary>
    public const uint NanosecondMagic = 0xa1b23c4d;

    /// <summary>Length of the file's header in bytes.</summary>
    public const int HeaderLength = 24;

    /// <summary>Length of a record's header in bytes.</summary>
    public const int RecordHeaderLength = 16;

    private const long NsPerSecond = 1_000_000_000;
    private const long NsPerMicrosecond = 1000;

    /// <summary>True for such a file; then <see cref="CaptureBytes.BigEndian"/> is set as the file is.</summary>
    public static bool Recognises(CaptureBytes bytes)
    {
        foreach (bool bigEndian in new[] { false, true })
        {
            bytes.BigEndian = bigEndian;
            if (bytes.U32(0) is MicrosecondMagic or NanosecondMagic) return true;
        }
        return false;
    }

    /// <summary>Reads the records.</summary>
    /// <exception cref="PortException">The file is broken or of another network.</exception>
    public static CaptureContents Read(CaptureBytes bytes)
    {
        if (bytes.Length < HeaderLength) throw bytes.Broken(bytes.Length, $"the file's header has {HeaderLength} bytes");
        var (major, minor) = (bytes.U16(4), bytes.U16(6));
        if ((major, minor) != (2, 4)) throw bytes.Refused($"has version {major}.{minor} of the pcap format; 2.4 is taken");
        // The upper half of the field says whether and how many bytes of check sequence the frames have.
        CaptureReader.DemandEthernet(bytes, (ushort)bytes.U32(20));
        long unit = bytes.U32(0) == NanosecondMagic ? 1 : NsPerMicrosecond;
        var records = new List<CaptureRecord>();
        for (ulong at = HeaderLength; at < bytes.Length;)
        {
            ulong left = bytes.Length - at;
            if (left < RecordHeaderLength) return new CaptureContents([.. records], at);
            // The header's snaplen is not asked: files exist whose records are longer.
            uint length = bytes.U32(at + 8);
            CaptureReader.DemandLength(bytes, at, length);
            if (length > left - RecordHeaderLength) return new CaptureContents([.. records], at);
            long timestampNs = (bytes.U32(at) * NsPerSecond) + (bytes.U32(at + 4) * unit);
            records.Add(new CaptureRecord(at + RecordHeaderLength, length, bytes.U32(at + 12), timestampNs));
            at += RecordHeaderLength + length;
        }
        return new CaptureContents([.. records], null);
    }
}
