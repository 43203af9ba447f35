using FsCheck;
using FsCheck.Fluent;
using VhostSwitch.Ports.NetPcap.Capture;

namespace VhostSwitch.Ports.Tests.NetPcap;

/// <summary>
/// Whatever bytes a file has: its frames, or a sentence. A fixed number of cases; where one fails, its message holds the smallest case
/// found and the seed to replay it with.
/// </summary>
public sealed class ArbitraryCaptureTests
{
    private const int Cases = 3000;

    private static readonly byte[] Frame = TestFrames.Numbered(1, 20);

    // Whole files, which bytes are changed in: arbitrary ones from the start would not get past the magic numbers.
    private static readonly byte[][] Files =
    [
        new CaptureBuilder().PcapHeader().PcapRecord(Frame).PcapRecord([]).PcapRecord(Frame).Bytes,
        new CaptureBuilder(bigEndian: true).PcapHeader(CaptureBuilder.Nanoseconds).PcapRecord(Frame).PcapRecord(Frame).Bytes,
        new CaptureBuilder().Section().Interface(options: o => o.Option(9, 3).Option(14, 1, 0, 0, 0, 0, 0, 0, 0).Option(0))
            .Packet(Frame).SimplePacket(Frame).Block(77, b => b.U32(1)).Packet(Frame).Bytes,
        new CaptureBuilder(bigEndian: true).Section().Interface(snapLength: 8).Packet(Frame).SimplePacket(Frame[..8], original: 20).Bytes,
        [
            .. new CaptureBuilder().Section().Interface().Packet(Frame).Bytes,
            .. new CaptureBuilder(bigEndian: true).Section().Interface().Interface().Packet(Frame, number: 1).Bytes,
        ],
    ];

    [Fact]
    public void AnyBytesAreReadOrRefused()
    {
        var bytes = Gen.Choose(0, 255).Select(i => (byte)i).ArrayOf();
        Prop.ForAll(bytes.ToArbitrary(), Survives).Check(Config.QuickThrowOnFailure.WithMaxTest(Cases));
    }

    [Fact]
    public void AnyChangeOfAFileIsReadOrRefused()
    {
        int[] tempting = [0, 1, 2, 3, 4, 6, 8, 12, 16, 20, 24, 28, 32, 0x7f, 0x80, 0xff];
        var change = from at in Gen.Choose(0, 400)
                     from value in Gen.OneOf(Gen.Elements(tempting), Gen.Choose(0, 255))
                     select (at, value: (byte)value);
        var file = from whole in Gen.Elements(Files)
                   from changes in change.ArrayOf(4)
                   from cut in Gen.Frequency((3, Gen.Constant(int.MaxValue)), (1, Gen.Choose(0, 400)))
                   select Changed(whole, changes, cut);
        Prop.ForAll(file.ToArbitrary(), Survives).Check(Config.QuickThrowOnFailure.WithMaxTest(5 * Cases));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void WhatIsWrittenIsRead(bool pcapng)
    {
        var format = pcapng ? CaptureFormat.Pcapng : CaptureFormat.Pcap;
        var frame = from length in Gen.Choose(0, 300)
                    from bytes in Gen.Choose(0, 255).Select(i => (byte)i).ArrayOf(length)
                    from more in Gen.Choose(0, 1000)
                    from seconds in Gen.Choose(0, int.MaxValue)
                    from ns in Gen.Choose(0, 999_999_999)
                    select (bytes, original: (uint)(length + more), timestamp: (seconds * 1_000_000_000L) + ns);
        Prop.ForAll(frame.ArrayOf().ToArbitrary(), frames =>
        {
            byte[] file = new byte[100_000];
            int end = format.WriteHeader(file, 300);
            foreach (var (bytes, original, timestamp) in frames)
            {
                int length = format.RecordLength(bytes.Length);
                format.WriteRecord(file.AsSpan(end, length), timestamp, original, bytes);
                end += length;
            }
            var read = Parsed.Read(file[..end]);
            Assert.Null(read.EndsEarlyAt);
            Assert.Equal(frames.Select(f => f.bytes), read.Frames);
            Assert.Equal(frames.Select(f => (f.original, f.timestamp)), read.Records.Select(r => (r.OriginalLength, r.TimestampNs)));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(500));
    }

    // The same whatever lies behind the file: nothing beyond its end is read. Frames lie within it, or taking them out of it would throw.
    private static void Survives(byte[] file) => Assert.Equal(Outcome(file, 0), Outcome(file, 0xff));

    private static string Outcome(byte[] file, byte behind)
    {
        try
        {
            var parsed = Parsed.Read(file, behind);
            return $"{string.Join(' ', parsed.Records)} {parsed.EndsEarlyAt}";
        }
        catch (PortException e)
        {
            Assert.StartsWith("in.pcap ", e.Message, StringComparison.Ordinal);
            return e.Message;
        }
    }

    private static byte[] Changed(byte[] whole, (int At, byte Value)[] changes, int cut)
    {
        byte[] file = [.. whole];
        foreach (var (at, value) in changes)
            file[at % file.Length] = value;
        return cut < file.Length ? file[..cut] : file;
    }
}
