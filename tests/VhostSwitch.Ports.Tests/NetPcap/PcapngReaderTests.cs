namespace VhostSwitch.Ports.Tests.NetPcap;

public sealed class PcapngReaderTests
{
    private const ushort Resolution = 9;
    private const ushort Offset = 14;

    private static readonly byte[] First = TestFrames.Numbered(1, 61);
    private static readonly byte[] Second = TestFrames.Numbered(2, 1514);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ReadsBothByteOrders(bool bigEndian)
    {
        var builder = new CaptureBuilder(bigEndian).Section().Interface().Packet(First, 1_700_000_000_000_005).Packet(Second, original: 9000);
        var file = Parsed.Read(builder.Bytes);
        Assert.Equal([First, Second], file.Frames);
        Assert.Equal(1_700_000_000_000_005_000, file.Records[0].TimestampNs);
        Assert.Equal(9000u, file.Records[1].OriginalLength);
        Assert.Null(file.EndsEarlyAt);
    }

    [Fact]
    public void SectionsFollowEachOtherInByteOrdersAndInterfacesOfTheirOwn()
    {
        var file = Parsed.Read([
            .. new CaptureBuilder().Section().Interface(options: o => o.Option(Resolution, 9)).Packet(First, 7).Bytes,
            .. new CaptureBuilder(bigEndian: true).Section().Interface().Packet(Second, 7).Bytes]);
        Assert.Equal([First, Second], file.Frames);
        Assert.Equal([7L, 7000L], file.Records.Select(r => r.TimestampNs));
        Assert.Contains("a frame of interface 0, which is not described before",
            Parsed.Error([.. new CaptureBuilder().Section().Interface().Bytes, .. new CaptureBuilder().Section().Packet(First).Bytes]),
            StringComparison.Ordinal);
    }

    [Fact]
    public void BlocksOfOtherKindsArePassedOver()
    {
        var file = Parsed.Read(new CaptureBuilder()
            .Section().Block(0x0bad, b => b.Add([1, 2, 3])).Interface().Block(5, b => b.U32(0, 1, 2)).Packet(First)
            .Block(0x8000_0001, b => b).Block(4, b => b.Add(new byte[400])).Packet(Second).Bytes);
        Assert.Equal([First, Second], file.Frames);
    }

    [Fact]
    public void SimplePacketsHaveWhatTheInterfaceKeeps()
    {
        var builder = new CaptureBuilder().Section().Interface(snapLength: 100).SimplePacket(First).SimplePacket(Second[..100], original: 1514);
        var file = Parsed.Read(builder.Bytes);
        Assert.Equal([First, Second[..100]], file.Frames);
        Assert.Equal(1514u, file.Records[1].OriginalLength);
    }

    [Fact]
    public void ObsoletePacketsAreFrames()
    {
        var builder = new CaptureBuilder().Section().Interface().Block(2, b => b.U16(0, 9).U32(0, 5, 61, 61).Add(First));
        Assert.Equal([First], Parsed.Read(builder.Bytes).Frames);
    }

    [Theory]
    [InlineData(0, 2ul, 0, 2_000_000_000)]
    [InlineData(3, 2ul, 0, 2_000_000)]
    [InlineData(6, 2ul, 0, 2_000)]
    [InlineData(9, 2ul, 0, 2)]
    [InlineData(12, 2_999ul, 0, 2)]
    [InlineData(127, ulong.MaxValue, 0, 0)]
    [InlineData(0x80, 2ul, 0, 2_000_000_000)]
    [InlineData(0x80 | 10, 512ul, 0, 500_000_000)]
    [InlineData(0xff, ulong.MaxValue, 0, 0)]
    [InlineData(0, ulong.MaxValue, 0, long.MaxValue)]
    [InlineData(6, 5ul, 100, 100_000_005_000)]
    [InlineData(6, 5ul, -100, 0)]
    public void TimestampsHaveTheUnitOfTheirInterface(byte resolution, ulong units, long offset, long ns)
    {
        var file = Parsed.Read(new CaptureBuilder()
            .Section().Interface().Interface(options: o =>
                o.Option(2, [.. "eth0"u8]).Option(Resolution, resolution).Option(Offset, BitConverter.GetBytes(offset)).Option(0))
            .Packet(First, units, number: 1).Bytes);
        Assert.Equal(ns, file.Records[0].TimestampNs);
    }

    [Fact]
    public void OfAFileThatEndsInABlockWhatIsWholeIsUsed()
    {
        byte[] start = new CaptureBuilder().Section().Interface().Packet(First).Bytes;
        byte[] whole = [.. start, .. new CaptureBuilder().Packet(Second).Bytes];
        for (int length = start.Length + 1; length < whole.Length; length += 97)
        {
            var file = Parsed.Read(whole[..length]);
            Assert.Equal([First], file.Frames);
            Assert.Equal((ulong)start.Length, file.EndsEarlyAt);
        }
    }

    [Fact]
    public void WhatIsWrongIsNamedWithItsPlace()
    {
        const int section = 28, behindInterface = 48;
        Assert.Equal("in.pcap has frames of link type 113; only Ethernet (1) is taken: capture at an Ethernet interface, not at 'any'",
            Error(b => b.Interface(linkType: 113)));
        Assert.Equal($"in.pcap is broken at byte {section}: a frame of interface 0, which is not described before", Error(b => b.Packet(First)));
        Assert.Equal($"in.pcap is broken at byte {behindInterface}: a frame of interface 1, which is not described before",
            Error(b => b.Interface().Packet(First, number: 1)));
        Assert.Equal($"in.pcap is broken at byte {behindInterface}: a frame of 65 bytes in a block with room for 64",
            Error(b => b.Interface().Packet(First, captured: 65)));
        Assert.Equal($"in.pcap is broken at byte {behindInterface}: a frame of 4294967295 bytes in a block with room for 64",
            Error(b => b.Interface().SimplePacket(First, original: uint.MaxValue)));
        Assert.Equal($"in.pcap is broken at byte {section}: a block of 13 bytes", Error(b => b.U32(6, 13, 0, 0)));
        Assert.Equal($"in.pcap is broken at byte {section}: a block of 0 bytes", Error(b => b.U32(6, 0, 0, 0)));
        Assert.Equal($"in.pcap is broken at byte {section}: a block of 4294967292 bytes", Error(b => b.U32(6, uint.MaxValue - 3, 0, 0)));
        Assert.Equal($"in.pcap is broken at byte {section}: a block has 16 bytes by the length before it and 20 by that behind it",
            Error(b => b.U32(9, 16, 0, 20)));
        Assert.Equal($"in.pcap is broken at byte {section}: a block of 16 bytes; one of its type has 32 at least",
            Error(b => b.Block(6, p => p.U32(0))));
        Assert.Equal($"in.pcap is broken at byte {section + 16}: an option of 200 bytes, longer than its block",
            Error(b => b.Interface(options: o => o.U16(Resolution, 200).U32(0))));
        Assert.Equal($"in.pcap is broken at byte {section}: a section without its byte-order magic",
            Error(b => b.U32(0x0a0d0d0a, 28, 5, 0, 0, 0, 28)));
        Assert.Equal("in.pcap has version 2 of the pcapng format; 1 is taken",
            Parsed.Error(new CaptureBuilder().Block(0x0a0d0d0a, b => b.U32(0x1a2b3c4d).U16(2, 0).U64(0)).Bytes));
    }

    private static string Error(Func<CaptureBuilder, CaptureBuilder> behindSection) =>
        Parsed.Error(behindSection(new CaptureBuilder().Section()).Bytes);
}
