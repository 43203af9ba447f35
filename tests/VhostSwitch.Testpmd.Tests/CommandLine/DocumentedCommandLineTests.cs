using VhostSwitch.Packets;
using VhostSwitch.Testpmd.CommandLine;

namespace VhostSwitch.Testpmd.Tests.CommandLine;

/// <summary>
/// Every command line of testpmd in the documents is taken. Where a document stands for something with a word of its own, or typesetting has broken
/// a word, the line here says what stands in its place; a NIC behind a PCI address is a pair of rings.
/// </summary>
public sealed class DocumentedCommandLineTests
{
    private const string TwoPorts = "--vdev net_ring0,peer=net_ring1 --vdev net_ring1,peer=net_ring0";

    // Its words, and what is in place of what the document has.
    public static TheoryData<string, string> CommandLines => new()
    {
        // Vhost sample application, 16.07: the ports are those of the guest.
        { $"-c 0x3 -n 4 --socket-mem 512 {TwoPorts} -- --burst=64 --i --disable-hw-vlan-filter", "ports: rings" },
        {
            $"-c 0x3 -n 4 --socket-mem 512 {TwoPorts} -- --burst=64 --i --disable-hw-vlan-filter --eth-peer=0,aa:bb:cc:dd:ee:ff "
                + "--eth-peer=1,ff:ee:dd:cc:bb:aa",
            "ports: rings"
        },
        {
            "-c 0x3 -n 4 --socket-mem 1024 --no-pci --file-prefix=virtio_user-testpmd --vdev=net_ring0,loop=1 -- -i --txqflags=0xf01 "
                + "--disable-hw-vlan",
            "virtio_user0,mac=…,path=$path_vhost: a ring"
        },
        {
            "-c 0x3 -n 4 --socket-mem 1024 --no-pci --file-prefix=virtio-user-testpmd --vdev=net_ring0,loop=1 -- -i --txqflags=0xf01 "
                + "--disable-hw-vlan",
            "virtio-user0,mac=…,path=$path_vhost: a ring"
        },
        // The older edition, which prints "-- n 4 -socket-mem 128" for "-n 4 --socket-mem 128", and "--eth- peer" for "--eth-peer".
        { $"-c 0x3 -n 4 --socket-mem 128 {TwoPorts} -- --burst=64 -i", "\"-- n\", \"-socket-mem\": dashes; ports: rings" },
        {
            $"-c 0x3 -n 4 --socket-mem 128 {TwoPorts} -- --burst=64 -i --eth-peer=0,aa:bb:cc:dd:ee:ff --eth-peer=1,ff,ee,dd,cc,bb,aa",
            "the same, and \"--eth- peer\": one word"
        },
        // virtio_user as exception path.
        { "-l 0,1 --vdev=net_ring0,loop=1 --vdev=net_ring1,loop=1", "-a <pci BDF>, --vdev=virtio_user0,path=/dev/vhost-net,queue_size=1024: rings" },
        { "-l 0,1 --vdev=net_af_packet0,iface=tap0 --in-memory --no-pci", "<cores>: 0,1" },
        {
            "--vdev=net_ring0,loop=1 -- -i --tx-offloads=0x002c --enable-lro --txq=2 --rxq=2 --txd=1024 --rxd=1024",
            "virtio_user0,path=/dev/vhost-net,queues=2,queue_size=1024: a ring"
        },
        { "--vdev=net_ring0,loop=1 -- --tx-offloads=0x02c", "the option alone" },
    };

    [Theory]
    [MemberData(nameof(CommandLines))]
    public void IsTaken(string line, string substitutions)
    {
        Assert.NotEmpty(substitutions);
        var configuration = Parse(line);
        Assert.Equal(line.Split(' ').Any(word => word is "-i" or "--i"), configuration.Interactive);
        if (line.Contains("--burst=64", StringComparison.Ordinal)) Assert.Equal(64, configuration.Burst);
        if (line.Contains("--txq=2", StringComparison.Ordinal))
            Assert.Equal((2, 2, 1024, 1024),
                (configuration.RxQueues, configuration.TxQueues, configuration.RxDescriptors, configuration.TxDescriptors));
        if (line.Contains("02c", StringComparison.Ordinal)) Assert.Equal(0x2cUL, configuration.TxOffloads);
        if (!line.Contains("--eth-peer", StringComparison.Ordinal)) return;
        Assert.Equal(MacAddress.Parse("aa:bb:cc:dd:ee:ff"), configuration.Peers[0]);
        Assert.Equal(MacAddress.Parse("ff:ee:dd:cc:bb:aa"), configuration.Peers[1]);
    }

    private static TestpmdConfiguration Parse(string line) => TestpmdCommandLine.Parse(line.Split(' '), [0, 1], [])!;
}
