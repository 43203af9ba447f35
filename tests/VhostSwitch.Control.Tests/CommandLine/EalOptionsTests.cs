using VhostSwitch.Control.CommandLine;

namespace VhostSwitch.Control.Tests.CommandLine;

public class EalOptionsTests
{
    [Fact]
    public void HasItsDefaults()
    {
        var configuration = Line.Configuration("");
        Assert.Equal("rte", configuration.FilePrefix);
        Assert.Equal(LogLevel.Info, configuration.LogLevel);
        Assert.Equal(0, configuration.Memory.TotalMiB);
        Assert.Empty(configuration.Memory.PerNodeMiB);
        Assert.Null(configuration.Memory.HugeDirectory);
        Assert.True(configuration.Memory.UseHugePages);
    }

    [Theory]
    [InlineData("-m 64", 64, new[] { 64 })]
    [InlineData("--socket-mem 1024", 1024, new[] { 1024 })]
    [InlineData("--socket-mem 0,512", 512, new[] { 0, 512 })]
    [InlineData("--socket-mem=1024,512", 1536, new[] { 1024, 512 })]
    [InlineData("-m 16777216", 16777216, new[] { 16777216 })]
    public void SizesMemory(string options, int total, int[] perNode)
    {
        var memory = Line.Configuration(options).Memory;
        Assert.Equal(total, memory.TotalMiB);
        Assert.Equal(perNode, memory.PerNodeMiB);
    }

    [Theory]
    [InlineData("-m 0")]
    [InlineData("-m x")]
    [InlineData("-m -1")]
    [InlineData("-m 16777217")]
    [InlineData("--socket-mem 0,0")]
    [InlineData("--socket-mem 1024,")]
    [InlineData("--socket-mem 1;2")]
    [InlineData("--socket-mem 1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1")]
    public void RefusesMemoryThatIsNone(string options) => Assert.StartsWith($"Invalid argument for {options.Split(' ')[0]}", Line.Error(options));

    [Fact]
    public void SizesMemoryInOneWayOnly() => Assert.Contains("-m and --socket-mem", Line.Error("-m 64 --socket-mem 64"));

    [Fact]
    public void PlacesMemory()
    {
        var memory = Line.Configuration("--huge-dir /mnt/huge --no-huge --in-memory").Memory;
        Assert.Equal("/mnt/huge", memory.HugeDirectory);
        Assert.False(memory.UseHugePages);
    }

    [Fact]
    public void NamesTheSwitch() => Assert.Equal("sw-1", Line.Configuration("--file-prefix sw-1").FilePrefix);

    [Theory]
    [InlineData("a/b")]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("a%d")]
    public void RefusesNamesThatLeadElsewhere(string prefix) =>
        Assert.Equal($"Invalid argument for --file-prefix: '{prefix}' was given, a name without '/' and '%' is allowed",
            Line.Error($"--file-prefix {prefix}"));

    [Theory]
    [InlineData("--log-level 8", LogLevel.Debug)]
    [InlineData("--log-level=1", LogLevel.Emergency)]
    [InlineData("--log-level warning", LogLevel.Warning)]
    [InlineData("--log-level ERROR", LogLevel.Error)]
    [InlineData("--log-level=lib.eal:debug", LogLevel.Info)]
    [InlineData("--log-level notice --log-level pmd.*,8", LogLevel.Notice)]
    public void ChoosesLines(string options, LogLevel level) => Assert.Equal(level, Line.Configuration(options).LogLevel);

    [Theory]
    [InlineData("0")]
    [InlineData("9")]
    [InlineData("loud")]
    [InlineData("lib.eal:loud")]
    public void RefusesLevelsThereAreNot(string level) =>
        Assert.StartsWith($"Invalid argument for --log-level: '{level}' was given", Line.Error($"--log-level {level}"));

    [Theory]
    [InlineData("--no-pci")]
    [InlineData("--proc-type primary")]
    [InlineData("--proc-type=auto")]
    public void TakesWhatIsSoAnyway(string option) => Assert.Empty(Line.Notices(option));

    [Theory]
    [InlineData("-n 4", "-n")]
    [InlineData("-n4", "-n")]
    [InlineData("-r 2", "-r")]
    [InlineData("-b 0000:01:00.0", "-b")]
    [InlineData("--block 01:00.0", "--block")]
    [InlineData("--pci-blacklist 01:00.0", "--pci-blacklist")]
    [InlineData("--iova-mode va", "--iova-mode")]
    [InlineData("--base-virtaddr 0x100000000", "--base-virtaddr")]
    [InlineData("--socket-limit 512", "--socket-limit")]
    [InlineData("--mbuf-pool-ops-name stack", "--mbuf-pool-ops-name")]
    [InlineData("--force-max-simd-bitwidth 256", "--force-max-simd-bitwidth")]
    [InlineData("--vfio-intr msix", "--vfio-intr")]
    [InlineData("--vfio-vf-token 0", "--vfio-vf-token")]
    [InlineData("--huge-unlink", "--huge-unlink")]
    [InlineData("--huge-unlink=always", "--huge-unlink")]
    [InlineData("--huge-worker-stack", "--huge-worker-stack")]
    [InlineData("--syslog daemon", "--syslog")]
    [InlineData("--legacy-mem", "--legacy-mem")]
    [InlineData("--single-file-segments", "--single-file-segments")]
    [InlineData("--match-allocations", "--match-allocations")]
    [InlineData("--no-hpet", "--no-hpet")]
    [InlineData("--no-shconf", "--no-shconf")]
    [InlineData("--no-telemetry", "--no-telemetry")]
    [InlineData("--vmware-tsc-map", "--vmware-tsc-map")]
    [InlineData("--create-uio-dev", "--create-uio-dev")]
    public void SaysWhatItTakesWithoutEffect(string option, string name) => Assert.Equal([$"accepted without effect: {name}"], Line.Notices(option));

    [Fact]
    public void SaysAllThatHasNoEffectInOneLine() =>
        Assert.Equal(["accepted without effect: -n, --legacy-mem"], Line.Notices("--legacy-mem -n 4 --no-pci"));

    [Theory]
    [InlineData("0")]
    [InlineData("four")]
    public void RefusesChannelsThatAreNone(string channels) =>
        Assert.Equal($"Invalid argument for -n: '{channels}' was given, a whole number from 1 is allowed", Line.Error($"-n {channels}"));

    [Theory]
    [InlineData("-d librte_net_null.so")]
    [InlineData("-s 3")]
    [InlineData("-S 1")]
    [InlineData("--telemetry")]
    [InlineData("--xen-dom0")]
    [InlineData("--trace .*")]
    [InlineData("--trace-dir /tmp")]
    [InlineData("--trace-bufsz 1M")]
    [InlineData("--trace-mode o")]
    [InlineData("--proc-type secondary")]
    public void RefusesWhatIsNotBuiltWithASentence(string option)
    {
        string error = Line.Error(option);
        Assert.StartsWith($"{option} is not built yet: ", error);
    }

    [Theory]
    [InlineData("-a eth7")]
    [InlineData("-aeth7")]
    [InlineData("--allow=eth7")]
    [InlineData("-w eth7")]
    [InlineData("--pci-whitelist eth7")]
    public void AttachesInterfaces(string option)
    {
        var device = Assert.Single(Line.Configuration(option).Devices);
        Assert.Equal("net_af_xdp0", device.Name);
        Assert.Equal("eth7", device.Text("iface"));
    }

    [Fact]
    public void NumbersAttachedInterfacesBeforeOtherDevicesAndRoundTheirNames()
    {
        var devices = Line.Configuration("--vdev net_null0 -a eth1,queue_count=2 --vdev net_af_xdp1,iface=eth9 -w eth2 -a eth3").Devices;
        Assert.Equal(["net_af_xdp0", "net_af_xdp2", "net_af_xdp3", "net_null0", "net_af_xdp1"], devices.Select(d => d.Name));
        Assert.Equal(["eth1", "eth2", "eth3"], devices.Take(3).Select(d => d.Text("iface")));
        Assert.Equal("2", devices[0].Text("queue_count"));
    }

    [Theory]
    [InlineData("-a ffff:ff:1f.7", "there is no PCI device ffff:ff:1f.7")]
    [InlineData("-a eth1,queues=2", "net_af_xdp0: 'queues' is no argument of net_af_xdp")]
    public void SaysWhatIsWrongWithAnAttachedInterface(string option, string reason) => Assert.StartsWith($"{option}: {reason}", Line.Error(option));

    [Fact]
    public void RefusesAPciDeviceWithoutPci()
    {
        Assert.Equal("-a 01:00.0,queue_count=2 attaches a PCI device and --no-pci forbids that: "
            + "leave one of them out, or name the interface in place of the address",
            Line.Error("--no-pci -a 01:00.0,queue_count=2"));
        Assert.Single(Line.Configuration("--no-pci -a eth1").Devices);
    }

    [Fact]
    public void TakesDevicesInTheirOrder()
    {
        var devices = Line.Configuration("--vdev net_null0,size=128 --vdev=net_null1").Devices;
        Assert.Equal(["net_null0", "net_null1"], devices.Select(device => device.Name));
        Assert.Equal("128", devices[0].Text("size"));
    }

    [Theory]
    [InlineData("virtio-user0,path=/nowhere/s", "virtio_user")]
    [InlineData("eth_tap0", "net_tap")]
    [InlineData("eth_af_packet1,iface=i0", "net_af_packet")]
    [InlineData("eth_vhost0,iface=/nowhere/s", "net_vhost")]
    [InlineData("eth_pcap0,rx_pcap=f", "net_pcap")]
    [InlineData("eth_ring0", "net_ring")]
    [InlineData("eth_null0", "net_null")]
    public void TakesTheNamesThatDriversHadBefore(string device, string driver) =>
        Assert.Equal((device.Split(',')[0], driver), Line.Configuration($"--vdev {device}").Devices.Select(d => (d.Name, d.Driver.Name)).Single());

    [Theory]
    [InlineData("net_nul0", "'net_nul0' names no driver; there are ")]
    [InlineData("net_null", "'net_null' is a driver; a device of it has a number behind the name, for example net_null0")]
    [InlineData("eth_null", "'eth_null' is a driver; a device of it has a number behind the name, for example eth_null0")]
    [InlineData("net_null0,colour=red", "net_null0: 'colour' is no argument of net_null; it takes size, ")]
    public void SaysWhatIsWrongWithADevice(string device, string reason) => Assert.StartsWith($"--vdev {device}: {reason}", Line.Error($"--vdev {device}"));

    [Fact]
    public void RefusesTwoDevicesOfOneName() =>
        Assert.Equal("--vdev net_null0 was given 2 times: every device has a name of its own", Line.Error("--vdev net_null0 --vdev net_null0,size=99"));

    [Fact]
    public void RefusesProcessTypesThereAreNot() => Assert.Contains("primary or auto", Line.Error("--proc-type tertiary"));

    [Fact]
    public void PrintsTheVersionAndGoesOn() => Assert.Equal([ProductVersion.Line], Line.Notices("-v"));

    [Theory]
    [InlineData("-c")]
    [InlineData("-l")]
    [InlineData("--lcores")]
    [InlineData("--main-lcore")]
    [InlineData("-m")]
    [InlineData("--socket-mem")]
    [InlineData("--huge-dir")]
    [InlineData("--file-prefix")]
    [InlineData("--log-level")]
    [InlineData("--proc-type")]
    [InlineData("-n")]
    [InlineData("--vdev")]
    public void AsksForAMissingValue(string option) => Assert.StartsWith($"{option} needs a value: {option} ", Line.Error(option));

    [Fact]
    public void TheLastOfSeveralCounts() => Assert.Equal([2], Line.Configuration("-l 1 -l 2").PollCores);
}
