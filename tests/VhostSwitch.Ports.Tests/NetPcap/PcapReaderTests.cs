namespace VhostSwitch.Ports.Tests.NetPcap;

public sealed class PcapReaderTests
{
    private const int FileHeader = 24;
    private const int RecordHeader = 16;

    private static readonly byte[] First = TestFrames.Numbered(1, 60);
    private static readonly byte[] Second = TestFrames.Numbered(2, 1514);

    [Theory]
    [InlineData(false, CaptureBuilder.Microseconds, 1_700_000_000_000_005_000)]
    [InlineData(true, CaptureBuilder.Microseconds, 1_700_000_000_000_005_000)]
    [InlineData(false, CaptureBuilder.Nanoseconds, 1_700_000_000_000_000_005)]
    [InlineData(true, CaptureBuilder.Nanoseconds, 1_700_000_000_000_000_005)]
    public void ReadsBothByteOrdersAndBothUnits(bool bigEndian, uint magic, long timestampNs)
    {
        var builder = new CaptureBuilder(bigEndian).PcapHeader(magic).PcapRecord(First, 1_700_000_000, 5).PcapRecord(Second, original: 9000);
        var file = Parsed.Read(builder.Bytes);
        Assert.Equal([First, Second], file.Frames);
        Assert.Equal(timestampNs, file.Records[0].TimestampNs);
        Assert.Equal((1514u, 9000u), (file.Records[1].Length, file.Records[1].OriginalLength));
        Assert.Null(file.EndsEarlyAt);
    }

    [Fact]
    public void AHeaderAloneIsAFileWithoutFrames() => Assert.Empty(Parsed.Read(new CaptureBuilder().PcapHeader().Bytes).Records);

    [Fact]
    public void FramesLongerThanTheHeaderSaysAreFrames() =>
        Assert.Equal([Second], Parsed.Read(new CaptureBuilder().PcapHeader(snapLength: 64).PcapRecord(Second).Bytes).Frames);

    [Fact]
    public void OfAFileThatEndsInARecordWhatIsWholeIsUsed()
    {
        byte[] whole = new CaptureBuilder().PcapHeader().PcapRecord(First).PcapRecord(Second).Bytes;
        const int secondAt = FileHeader + RecordHeader + 60;
        for (int length = secondAt + 1; length < whole.Length; length += 97)
        {
            var file = Parsed.Read(whole[..length]);
            Assert.Equal([First], file.Frames);
            Assert.Equal((ulong)secondAt, file.EndsEarlyAt);
        }
    }

    [Fact]
    public void ALengthGoneWrongIsNamedWithItsPlace() =>
        Assert.Equal(
            "in.pcap is broken at byte 100: a frame of 262145 bytes; 262144 are the most",
            Parsed.Error(new CaptureBuilder().PcapHeader().PcapRecord(First).PcapRecord(Second, captured: 262_145).Bytes));

    [Theory]
    [InlineData(113, "in.pcap has frames of link type 113; only Ethernet (1) is taken: capture at an Ethernet interface, not at 'any'")]
    [InlineData(0, "in.pcap has frames of link type 0; only Ethernet (1) is taken: capture at an Ethernet interface, not at 'any'")]
    public void OtherNetworksAreRefused(uint linkType, string error) =>
        Assert.Equal(error, Parsed.Error(new CaptureBuilder(bigEndian: true).PcapHeader(linkType: linkType).Bytes));

    [Fact]
    public void WhatIsSaidOfCheckSequencesIsNoLinkType() =>
        Assert.Equal([First], Parsed.Read(new CaptureBuilder().PcapHeader(linkType: 0x2400_0001).PcapRecord(First).Bytes).Frames);

    [Fact]
    public void WhatIsNoCaptureIsNamed()
    {
        Assert.Equal("in.pcap is empty; a pcap or pcapng file is needed", Parsed.Error([]));
        Assert.Equal("in.pcap is compressed; unpack it with gunzip first", Parsed.Error([0x1f, 0x8b, 8, 0, 0, 0]));
        Assert.StartsWith("in.pcap is neither a pcap nor a pcapng file;", Parsed.Error([0xd4]), StringComparison.Ordinal);
        Assert.StartsWith("in.pcap is neither a pcap nor a pcapng file;", Parsed.Error("#!/bin/sh\n"u8.ToArray()), StringComparison.Ordinal);
        Assert.Equal("in.pcap is broken at byte 20: the file's header has 24 bytes", Parsed.Error(new CaptureBuilder().PcapHeader().Bytes[..20]));
        Assert.Equal("in.pcap has version 2.2 of the pcap format; 2.4 is taken",
            Parsed.Error(new CaptureBuilder().U32(CaptureBuilder.Microseconds).U16(2, 2).U32(0, 0, 0, 1).Bytes));
    }
}
