using System.Runtime.Intrinsics;

namespace VhostSwitch.Packets.Tests;

public sealed class EthernetTests
{
    private static readonly byte[] Addresses = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6];

    [Fact]
    public void ReadsBothAddresses()
    {
        var snapshot = Snapshot(0x08, 0x00, 0x45, 0x00);
        Assert.Equal("01:02:03:04:05:06", new MacAddress(Ethernet.Destination(snapshot)).ToString());
        Assert.Equal("a1:a2:a3:a4:a5:a6", new MacAddress(Ethernet.Source(snapshot)).ToString());
    }

    [Theory]
    [InlineData(0x81, 0x00, 0x00, 0x01, 1)]
    [InlineData(0x81, 0x00, 0x0f, 0xff, 4095)]
    [InlineData(0x81, 0x00, 0xef, 0xfe, 4094)]
    [InlineData(0x81, 0x00, 0xe0, 0x00, 0)]
    [InlineData(0x08, 0x00, 0x00, 0x01, 0)]
    [InlineData(0x00, 0x81, 0x00, 0x01, 0)]
    [InlineData(0x88, 0xa8, 0x00, 0x01, 0)]
    public void ReadsTheVlanIdOfATaggedFrameAlone(byte typeHigh, byte typeLow, byte tagHigh, byte tagLow, int vlan) =>
        Assert.Equal(vlan, Ethernet.VlanId(Snapshot(typeHigh, typeLow, tagHigh, tagLow)));

    private static Vector128<byte> Snapshot(params ReadOnlySpan<byte> typeAndTag) => Vector128.Create<byte>([.. Addresses, .. typeAndTag]);
}
