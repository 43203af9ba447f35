using VhostSwitch.Ports.NetPcap.Capture;

namespace VhostSwitch.Ports.Tests.NetPcap;

/// <summary>The readers ask for nothing beyond the end; if one did, it would get a sentence.</summary>
public sealed unsafe class CaptureBytesTests
{
    [Theory]
    [InlineData(8, 0)]
    [InlineData(7, 1)]
    [InlineData(4, 4)]
    [InlineData(0, 8)]
    public void WhatLiesWithinIsRead(ulong at, int count) => Assert.Equal(count, Read(at, count));

    [Theory]
    [InlineData(8, 1)]
    [InlineData(9, 0)]
    [InlineData(7, 2)]
    [InlineData(0, 9)]
    [InlineData(ulong.MaxValue, 1)]
    [InlineData(ulong.MaxValue - 3, 8)]
    public void WhatDoesNotIsNot(ulong at, int count) =>
        Assert.Equal($"in.pcap is broken at byte {at}: the file ends after 8 bytes", Assert.Throws<PortException>(() => Read(at, count)).Message);

    private static int Read(ulong at, int count)
    {
        byte* data = stackalloc byte[8];
        return new CaptureBytes("in.pcap", data, 8).Span(at, count).Length;
    }
}
