using System.Runtime.Intrinsics;
using VhostSwitch.Dataplane;
using VhostSwitch.Ports.NetPcap;
using VhostSwitch.Ports.NetPcap.Capture;

namespace VhostSwitch.Ports.Tests.NetPcap;

public sealed unsafe class PcapInputTests : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly CounterBlock _counters = new();
    private readonly Burst _burst = new();
    private CaptureFile? _file;

    [Fact]
    public void GivesTheFramesOfTheFileOnceAndInOrder()
    {
        byte[][] frames = TestFrames.Many(100);
        var input = Open(frames, FrameRate.Unlimited, endless: false);
        var got = new List<byte[]>();
        while (!input.Ended)
        {
            Assert.True(input.HasFrames());
            got.AddRange(Take(input));
        }
        Assert.Equal(frames, got);
        Assert.False(input.HasFrames());
        Assert.Empty(Take(input));
    }

    [Fact]
    public void AFrameIsLentAsItLiesInTheFile()
    {
        byte[] frame = TestFrames.Numbered(9, 15);
        var input = Open([frame, TestFrames.Numbered(10)], FrameRate.Unlimited, endless: false);
        input.Receive(_burst);
        // The next record lies right behind it.
        Assert.NotEqual(0, _burst.Frames[0].Data[15]);
        ref var lent = ref _burst.Frames[0];
        Assert.Equal(Frame.Undecided, lent.Output);
        Assert.Equal((15u, 15u), (lent.Length, lent.DataLength));
        // Zeros behind its last byte, whatever follows in memory.
        Assert.Equal(Vector128.Create((byte[])[.. frame, 0]), lent.Snapshot);
        Assert.False(lent.Delivered);
        Assert.Equal(0, lent.MoreSegments);
        Assert.Equal(default, lent.Offload);
    }

    [Fact]
    public void WhatIsNoFrameIsDroppedForItsLength()
    {
        var input = Open([TestFrames.Numbered(1, 13), TestFrames.Numbered(2, 14), new byte[65_553], new byte[65_554]], FrameRate.Unlimited,
            endless: false);
        input.Receive(_burst);
        Assert.Equal(
            [Frame.DroppedFor(DropReason.Runt), Frame.Undecided, Frame.Undecided, Frame.DroppedFor(DropReason.Oversize)],
            Enumerable.Range(0, 4).Select(i => _burst.Frames[i].Output));
    }

    [Fact]
    public void AnEndlessOneBeginsAnewWithinABurst()
    {
        byte[][] frames = TestFrames.Many(5);
        var input = Open(frames, FrameRate.Unlimited, endless: true);
        var got = Take(input);
        Assert.Equal(Enumerable.Range(0, Burst.MaxFrames).Select(i => frames[i % 5]), got);
        Assert.False(input.Ended);
        Assert.True(input.HasFrames());
    }

    [Fact]
    public void AnEndlessOneOfAnEmptyFileHasEnded()
    {
        var input = Open(new CaptureBuilder().PcapHeader().Bytes, FrameRate.Unlimited, endless: true);
        Assert.True(input.Ended);
        Assert.Empty(Take(input));
    }

    [Fact]
    public void ARateHoldsFramesBack()
    {
        // One frame in a second: the second one is not due while this test runs, or a moment later.
        var input = Open(TestFrames.Many(2), new FrameRate(1, Original: false), endless: false);
        Assert.Single(Take(input));
        Assert.False(input.Ended);
    }

    [Fact]
    public void TimestampsThatGoBackHoldNothingUp()
    {
        var builder = new CaptureBuilder().PcapHeader().PcapRecord(TestFrames.Numbered(1), uint.MaxValue).PcapRecord(TestFrames.Numbered(2), 0)
            .PcapRecord(TestFrames.Numbered(3), 9);
        var input = Open(builder.Bytes, new FrameRate(0, Original: true), endless: false);
        Assert.Equal(3, Take(input).Count);
        Assert.True(input.Ended);
    }

    public void Dispose()
    {
        _file?.Dispose();
        _burst.Dispose();
        _counters.Dispose();
        _folder.Dispose();
    }

    private PcapInput Open(byte[][] frames, FrameRate rate, bool endless)
    {
        var builder = new CaptureBuilder().PcapHeader();
        foreach (byte[] frame in frames)
            builder.PcapRecord(frame);
        return Open(builder.Bytes, rate, endless);
    }

    private PcapInput Open(byte[] content, FrameRate rate, bool endless)
    {
        _file = CaptureFile.Load(_folder.With("in.pcap", content), new FrameMemory(0));
        return new PcapInput(0, _file, rate, endless, _counters);
    }

    private List<byte[]> Take(PcapInput input)
    {
        input.Receive(_burst);
        List<byte[]> frames = [.. Enumerable.Range(0, _burst.Count).Select(i => FrameLoan.Bytes(_burst, i))];
        input.Return(_burst);
        return frames;
    }
}
