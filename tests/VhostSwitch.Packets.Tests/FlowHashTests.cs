using System.Runtime.Intrinsics;

namespace VhostSwitch.Packets.Tests;

public sealed unsafe class FlowHashTests
{
    [Fact]
    public void FramesOfAFlowHaveOneNumberWhateverElseIsInThem()
    {
        foreach (int tag in (int[])[0, 4])
        {
            byte[] first = IPv4(tag, 6, 1), later = IPv4(tag, 6, 1);
            // Length, identification, time to live, checksum, and what TCP says behind its ports.
            foreach (int place in (int[])[2, 3, 4, 5, 8, 10, 11, 24, 25, 26, 27, 33])
                later[14 + tag + place] ^= 0xff;
            Assert.Equal(Hash(first), Hash(later));
        }
    }

    [Theory]
    [InlineData(6)]
    [InlineData(17)]
    public void PortsAndAddressesMakeAFlow(byte protocol)
    {
        uint[] hashes = [.. Enumerable.Range(0, 256).Select(port => Hash(IPv4(0, protocol, port)))];
        Assert.Equal(256, hashes.Distinct().Count());
        // Spread over four queues, none gets much more than its share.
        Assert.All(Enumerable.Range(0, 4), queue => Assert.InRange(hashes.Count(hash => (int)(((ulong)hash * 4) >> 32) == queue), 40, 90));
        byte[] frame = IPv4(0, protocol, 1);
        frame[14 + 15]++;
        Assert.NotEqual(Hash(IPv4(0, protocol, 1)), Hash(frame));
    }

    [Theory]
    [InlineData(0x2000)]
    [InlineData(0x0010)]
    public void FragmentsOfADatagramStayTogether(int fragment)
    {
        byte[] one = IPv4(0, 17, 1), other = IPv4(0, 17, 2);
        foreach (byte[] frame in (byte[][])[one, other])
            (frame[14 + 6], frame[14 + 7]) = ((byte)(fragment >> 8), (byte)fragment);
        Assert.Equal(Hash(one), Hash(other));
    }

    [Fact]
    public void OptionsOfIPv4AreNoPorts()
    {
        byte[] one = IPv4(0, 6, 1), other = IPv4(0, 6, 1);
        one[14] = other[14] = 0x46;
        other[14 + 20] ^= 0xff;
        Assert.Equal(Hash(one), Hash(other));
        other[14 + 24] ^= 0xff;
        Assert.NotEqual(Hash(one), Hash(other));
    }

    [Fact]
    public void IPv6IsToldApartByAddressesAndPorts()
    {
        byte[] frame = new byte[80];
        (frame[12], frame[13], frame[14], frame[14 + 6]) = (0x86, 0xdd, 0x60, 6);
        var hashes = new HashSet<uint> { Hash(frame) };
        foreach (int place in (int[])[8, 23, 24, 39, 40, 43])
        {
            frame[14 + place]++;
            Assert.True(hashes.Add(Hash(frame)), $"byte {place} makes no difference");
        }
        frame[14 + 44]++;
        Assert.False(hashes.Add(Hash(frame)));
    }

    /// <summary>Nothing is read behind what there is, whatever the headers say.</summary>
    [Fact]
    public void ShortFramesGoByTheirEthernetAddresses()
    {
        byte[] whole = IPv4(4, 6, 1);
        for (int length = 14; length < 14 + 4 + 20; length++)
        {
            byte[] cut = whole[..length];
            uint before = Hash(cut);
            cut[5]++;
            Assert.NotEqual(before, Hash(cut));
        }
        whole[14 + 4] = 0x4f;
        Assert.Equal(Hash(whole[..(14 + 4 + 40)]), Hash([.. whole[..(14 + 4 + 20)], .. new byte[20]]));
    }

    private static byte[] IPv4(int tag, byte protocol, int port)
    {
        byte[] frame = new byte[14 + tag + 20 + 40];
        if (tag > 0) (frame[12], frame[15]) = (0x81, 7);
        byte[] header = [0x45, 0, 0, 60, 0, 1, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, (byte)(port >> 8), (byte)port, 0, 80];
        (frame[12 + tag], frame[13 + tag]) = (0x08, 0x00);
        header.CopyTo(frame, 14 + tag);
        return frame;
    }

    // At the end of its memory, so that reading on would be noticed by a checker of memory.
    private static uint Hash(byte[] frame)
    {
        byte[] snapshot = new byte[16];
        frame.AsSpan(0, Math.Min(16, frame.Length)).CopyTo(snapshot);
        fixed (byte* data = frame)
            return FlowHash.Of(Vector128.Create(snapshot), data, (uint)frame.Length);
    }
}
