using VhostSwitch.Dataplane;
using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Ports.Tests.NetPcap;

public sealed class PcapDeviceTests : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly DeviceRig _rig = new();

    [Fact]
    public void FramesGoFromOneFileToTheOther()
    {
        byte[][] frames = TestFrames.Many(2000);
        var from = _rig.Add($"net_pcap0,rx_pcap={Input(frames)}");
        Assert.Equal($"up: waits with the 2000 frames of {_folder.File("in.pcap")} for another port that takes frames", from.Status);
        // Nothing takes frames yet: none is lost.
        _rig.Check();
        Assert.True(from.Port.Inputs.IsEmpty);
        var to = _rig.Add($"net_pcap1,tx_pcap={_folder.File("out.pcapng")}");
        _rig.Wire(from, to);
        _rig.Check();
        Until.True(() => DeviceRig.Sent(to) == 2000, "all frames sent");
        _rig.Check();
        Assert.True(from.Port.Inputs.IsEmpty);
        Assert.Equal($"up: gave all 2000 frames of {_folder.File("in.pcap")}", from.Status);
        Until.True(() => to.Status == $"up: 2000 frames written to {_folder.File("out.pcapng")}", "all frames written");
        Until.True(() => _rig.Plane.Threads[0].IsSleeping, "a thread without work sleeps");
        Assert.Equal(0, _rig.Plane.Threads[0].AllocatedBytes);
        _rig.Remove(to);
        Assert.Equal(frames, Parsed.Read(File.ReadAllBytes(_folder.File("out.pcapng"))).Frames);
        Assert.Empty(_rig.Notes);
    }

    [Fact]
    public void EveryFileIsAQueue()
    {
        byte[][] first = TestFrames.Many(40), second = [.. TestFrames.Many(90).Skip(50)];
        var from = _rig.Add($"net_pcap0,rx_pcap={Input(first, "a")},rx_pcap={Input(second, "b")}");
        var to = _rig.Add($"net_pcap1,tx_pcap={_folder.File("x")},tx_pcap={_folder.File("y")}");
        _rig.Wire(from, to);
        _rig.Check();
        Until.True(() => to.Status.Contains("40 frames written to " + _folder.File("x"), StringComparison.Ordinal)
            && to.Status.Contains("40 frames written to " + _folder.File("y"), StringComparison.Ordinal), "both files written");
        Assert.Equal(first, Parsed.Read(File.ReadAllBytes(_folder.File("x"))).Frames);
        Assert.Equal(second, Parsed.Read(File.ReadAllBytes(_folder.File("y"))).Frames);
    }

    [Fact]
    public void SaysWhatIsMissingOfAFile()
    {
        File.WriteAllBytes(Input(TestFrames.Many(3)), File.ReadAllBytes(_folder.File("in.pcap"))[..^1]);
        var device = _rig.Add($"net_pcap0,rx_pcap={_folder.File("in.pcap")},infinite_rx=1,rate=1k");
        _rig.Add("net_null0");
        _rig.Check();
        const int second = 24 + 16 + 14, third = second + 16 + 51;
        Assert.Equal(
            $"up: gives the 2 frames of {_folder.File("in.pcap")} 1000 a second, again and again; it ends in the midst of the record at byte {third}",
            device.Status);
        Until.True(() => DeviceRig.Given(device) > 3, "more frames than the file has");
    }

    [Fact]
    public void AFullDiskIsSaidAndTheSwitchGoesOn()
    {
        var from = _rig.Add($"net_pcap0,rx_pcap={Input(TestFrames.Many(100))}");
        var to = _rig.Add("net_pcap1,tx_pcap=/dev/full");
        _rig.Wire(from, to);
        _rig.Check();
        Until.True(() => DeviceRig.Drops(to, DropReason.InterfaceRefused) == 100, "all frames refused");
        Assert.StartsWith("cannot write, and drops what is sent here until it can: No space left on device", to.Status, StringComparison.Ordinal);
        Assert.Equal(0ul, DeviceRig.Sent(to));
    }

    [Theory]
    [InlineData("net_pcap0", "net_pcap0: needs rx_pcap=FILE, tx_pcap=FILE or both")]
    [InlineData("net_pcap0,rx_pcap=", "net_pcap0: rx_pcap and tx_pcap need the name of a file")]
    [InlineData("net_pcap0,rx_iface=eth1",
        "net_pcap0: rx_iface is not built: it works with files; for an interface use --vdev net_af_packet0,iface=eth1")]
    [InlineData("net_pcap0,rx_iface_in=eth1",
        "net_pcap0: rx_iface_in is not built: it works with files; for an interface use --vdev net_af_packet0,iface=eth1")]
    [InlineData("net_pcap0,rx_pcap=a,tx_iface=eth2",
        "net_pcap0: tx_iface is not built: it works with files; for an interface use --vdev net_af_packet0,iface=eth2")]
    [InlineData("net_pcap0,iface=", "net_pcap0: iface is not built: it works with files; for an interface use --vdev net_af_packet0,iface=IFACE")]
    [InlineData("net_pcap0,rx_pcap=/a/b,tx_pcap=/a/../a/b", "net_pcap0: /a/b is to be read and written; give tx_pcap another file")]
    [InlineData("net_pcap0,tx_pcap=/b,tx_pcap=/b", "net_pcap0: two queues are to write one file; give each tx_pcap a file of its own")]
    [InlineData("net_pcap0,rx_pcap=a,rate=fast",
        "net_pcap0: rate=fast was given; frames a second are allowed, from 1 to 1000000000, for example 1000, 100k or 1.5M, or 'original'")]
    [InlineData("net_pcap0,tx_pcap=a,format=erf", "net_pcap0: format=erf was given, pcap or pcapng is allowed")]
    [InlineData("net_pcap0,tx_pcap=a,snaplen=0", "net_pcap0: snaplen=0 was given, a number from 1 to 262144 is allowed")]
    public void RefusesArgumentsThatDoNotFit(string vdev, string error) =>
        Assert.Equal(error, Assert.Throws<PortException>(() => _rig.Make(vdev)).Message);

    [Fact]
    public void AFileThatCannotBeReadIsNamed()
    {
        string path = _folder.File("none.pcap");
        Assert.Equal($"{path} cannot be read: Could not find file '{path}'.",
            Assert.Throws<PortException>(() => _rig.Add($"net_pcap0,rx_pcap={path}")).Message);
        // Nothing was written where reading failed first.
        Assert.Throws<PortException>(() => _rig.Add($"net_pcap1,rx_pcap={path},tx_pcap={_folder.File("out")}"));
        Assert.False(File.Exists(_folder.File("out")));
        string notes = _folder.With("notes.txt", [.. "not a capture"u8]);
        Assert.StartsWith($"{notes} is neither a pcap nor a pcapng file",
            Assert.Throws<PortException>(() => _rig.Add($"net_pcap2,rx_pcap={notes}")).Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _rig.Dispose();
        _folder.Dispose();
    }

    private string Input(byte[][] frames, string name = "in.pcap")
    {
        var builder = new CaptureBuilder().PcapHeader();
        foreach (byte[] frame in frames)
            builder.PcapRecord(frame);
        return _folder.With(name, builder.Bytes);
    }
}
