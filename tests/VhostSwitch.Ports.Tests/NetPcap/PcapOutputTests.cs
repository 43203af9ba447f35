using VhostSwitch.Dataplane;
using VhostSwitch.Ports.NetPcap;
using VhostSwitch.Ports.NetPcap.Capture;
using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Ports.Tests.NetPcap;

public sealed unsafe class PcapOutputTests : IDisposable
{
    private const int AllBytes = 262_144;

    private readonly TestFolder _folder = new();
    private readonly CounterBlock _counters = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void WritesWhatWasSent(bool pcapng)
    {
        byte[][] frames = [.. TestFrames.Many(3000), TestFrames.Numbered(1, 65_553)];
        long before = NowNs();
        using (var writer = Writer(pcapng))
        {
            var output = new PcapOutput(0, writer, AllBytes, _counters);
            // Without it the data plane would finish the frames before, and the file would not show them as they were sent.
            Assert.Equal(OffloadKinds.All, output.Takes);
            foreach (byte[][] burst in frames.Chunk(Burst.MaxFrames))
                Assert.Equal(burst.Length, Send(output, burst));
        }
        long after = NowNs();
        var file = Written();
        Assert.Equal(frames, file.Frames);
        Assert.All(file.Records, r => Assert.InRange(r.TimestampNs, before, after));
        Assert.Equal(file.Records.Select(r => r.Length), file.Records.Select(r => r.OriginalLength));
        Assert.Equal(3001ul, _counters.Counters->Frames);
        Assert.Equal((ulong)frames.Sum(f => f.Length), _counters.Counters->Bytes);
    }

    [Fact]
    public void AFrameInPiecesIsWrittenWhole()
    {
        byte[] frame = TestFrames.Numbered(5, 3000);
        using (var writer = Writer())
        using (var loan = new FrameLoan(frame))
        {
            ref var f = ref loan.Burst.Frames[0];
            f.DataLength = 10;
            f.FirstSegment = 4;
            f.MoreSegments = 2;
            loan.Burst.Segments[4] = new Segment { Data = f.Data + 10, Length = 20 };
            loan.Burst.Segments[5] = new Segment { Data = f.Data + 30, Length = 2970 };
            Assert.Equal(1, loan.SendBy(new PcapOutput(0, writer, AllBytes, _counters)));
            Assert.Equal(1, loan.SendBy(new PcapOutput(0, writer, 40, _counters)));
        }
        Assert.Equal([frame, frame[..40]], Written().Frames);
    }

    [Fact]
    public void WhatWasDecidedOnIsWrittenNotWhatLiesThereNow()
    {
        byte[] frame = TestFrames.Numbered(5);
        using (var writer = Writer())
        using (var loan = new FrameLoan(frame))
        {
            new Span<byte>(loan.Burst.Frames[0].Data, 16).Clear();
            loan.SendBy(new PcapOutput(0, writer, AllBytes, _counters));
            loan.SendBy(new PcapOutput(0, writer, 20, _counters));
            loan.SendBy(new PcapOutput(0, writer, 9, _counters));
        }
        Assert.Equal([frame, frame[..20], frame[..9]], Written().Frames);
    }

    [Fact]
    public void ShortenedFramesSayHowLongTheyWere()
    {
        using (var writer = Writer())
            Send(new PcapOutput(0, writer, 64, _counters), TestFrames.Numbered(1, 60), TestFrames.Numbered(2, 64), TestFrames.Numbered(3, 1514));
        Assert.Equal([(60u, 60u), (64u, 64u), (64u, 1514u)], Written().Records.Select(r => (r.Length, r.OriginalLength)));
    }

    [Fact]
    public void FramesAreInTheFileSoonWithoutItsBeingClosed()
    {
        using var writer = Writer();
        var output = new PcapOutput(0, writer, AllBytes, _counters);
        for (int round = 1; round <= 3; round++)
        {
            Send(output, TestFrames.Numbered(round));
            // The poll thread does this when it runs dry.
            if (output.NotificationOpen)
            {
                Interlocked.MemoryBarrier();
                output.DecideNotification();
            }
            Assert.False(output.NotificationOpen);
            Until.True(() => Written().Frames.Length == round, "the frame in the file");
        }
        Assert.Equal(3ul, writer.Written);
    }

    [Fact]
    public void AFullRingIsAFullQueueNotALostFrame()
    {
        using var writer = Writer();
        var output = new PcapOutput(0, writer, AllBytes, _counters);
        // Not published, so that nobody takes them. 16 MiB hold 258 of these.
        int added = 0;
        while (writer.Ring.TryAdd(65_000) != null)
            added++;
        Assert.InRange(added, 256, 258);
        using var loan = new FrameLoan(TestFrames.Numbered(1, 65_000), TestFrames.Numbered(2));
        Assert.Equal(0, loan.SendBy(output));
        Assert.False(loan.Burst.Frames[0].Delivered);
        Assert.False(output.NotificationOpen);
        Assert.Equal((0ul, 0ul), (_counters.Counters->Frames, _counters.Counters->Bursts));
    }

    [Fact]
    public void AFullDiskIsKnownAtOnceAndFramesAreRefused()
    {
        using var writer = new CaptureWriter("/dev/full", CaptureFormat.Pcap, AllBytes, new FrameMemory(0));
        Assert.Contains("No space left on device", writer.Trouble, StringComparison.Ordinal);
        using var loan = new FrameLoan(TestFrames.Many(7));
        Assert.Equal(7, loan.SendBy(new PcapOutput(0, writer, AllBytes, _counters)));
        Assert.All(Enumerable.Range(0, 7), i => Assert.False(loan.Burst.Frames[i].Delivered));
        Assert.Equal(7ul, _counters.Counters->Drops(DropReason.InterfaceRefused));
        Assert.Equal(0ul, _counters.Counters->Frames);
    }

    [Fact]
    public void AFileThatCannotBeMadeIsNamed()
    {
        string path = _folder.File("missing/out.pcap");
        var error = Assert.Throws<PortException>(() => new CaptureWriter(path, CaptureFormat.Pcap, AllBytes, new FrameMemory(0)));
        Assert.StartsWith($"{path} cannot be written: Could not find a part of the path", error.Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _counters.Dispose();
        _folder.Dispose();
    }

    private static long NowNs() => (DateTime.UtcNow - DateTime.UnixEpoch).Ticks * 100;

    private static int Send(OutputQueue output, params byte[][] frames)
    {
        using var loan = new FrameLoan(frames);
        int sent = 0;
        // The writer needs a moment where the ring is full.
        Until.True(() => (sent = loan.SendBy(output)) > 0, "room");
        return sent;
    }

    private CaptureWriter Writer(bool pcapng = false) =>
        new(_folder.File("out"), pcapng ? CaptureFormat.Pcapng : CaptureFormat.Pcap, AllBytes, new FrameMemory(0));

    private Parsed Written() => Parsed.Read(File.ReadAllBytes(_folder.File("out")));
}
