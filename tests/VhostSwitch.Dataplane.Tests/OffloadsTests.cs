namespace VhostSwitch.Dataplane.Tests;

public sealed class OffloadsTests
{
    private const uint Length = 1000;

    [Theory]
    [InlineData(34, 16, true)]
    [InlineData(982, 16, true)]
    [InlineData(983, 16, false)]
    [InlineData(999, 0, false)]
    [InlineData(65535, 65535, false)]
    public void AChecksumLiesInItsFrame(ushort start, ushort offset, bool fits) =>
        Assert.Equal(fits, Offloads.AreValid(new OffloadFields { Flags = OffloadFields.NeedsCsum, CsumStart = start, CsumOffset = offset }, Length, OffloadKinds.All));

    [Theory]
    [InlineData(1, 1400, 54, true)]
    [InlineData(1, 0, 54, false)]
    [InlineData(0, 1400, 54, false)]
    [InlineData(1, 1400, 1001, false)]
    public void ASegmentCanBeCutAndItsChecksumsAreToBeFinished(byte flags, ushort size, ushort header, bool fits) =>
        Assert.Equal(fits, Offloads.AreValid(new OffloadFields { Flags = flags, GsoType = OffloadFields.GsoTcpV4, GsoSize = size, HdrLen = header, CsumStart = 34, CsumOffset = 16 }, Length, OffloadKinds.All));

    [Fact]
    public void WhatTheKernelSaysOfACheckedFrameIsNotToldOn()
    {
        const byte dataValid = 2;
        OffloadFields fields = new() { Flags = dataValid, CsumStart = 7, CsumOffset = 7, HdrLen = 7, GsoSize = 7 };
        Offloads.KeepMeaningful(ref fields);
        Assert.Equal(default, fields);
        Assert.True(Offloads.IsFinished(fields));
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(0x81, true)]
    [InlineData(0x84, true)]
    [InlineData(5, true)]
    [InlineData(2, false)]
    [InlineData(0x80, false)]
    [InlineData(0x85, false)]
    [InlineData(0xff, false)]
    public void KindsOfSegmentsThatLinuxKnows(byte type, bool known) =>
        Assert.Equal(known, Offloads.AreValid(new OffloadFields { Flags = OffloadFields.NeedsCsum, GsoType = type, GsoSize = 1000, HdrLen = 54 }, Length, OffloadKinds.All));
}
