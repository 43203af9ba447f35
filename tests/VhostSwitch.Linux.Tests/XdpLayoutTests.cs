using VhostSwitch.TestKit.Host;
using static VhostSwitch.Linux.LibXdp;
using static VhostSwitch.Linux.XdpCalls;
using static VhostSwitch.Linux.Libc;

namespace VhostSwitch.Linux.Tests;

/// <summary>The structures and numbers of AF_XDP sockets against those of the kernel's and libxdp's headers.</summary>
public sealed class XdpLayoutTests
{
    [Fact]
    public void StructuresAreThoseOfTheLibrarysHeaders()
    {
        var source = new CLayout("xdp/xsk.h", "bpf/bpf.h")
            .Size<xsk_umem_config>("struct xsk_umem_config")
            .Field<xsk_umem_config>(nameof(xsk_umem_config.frame_size), "struct xsk_umem_config", "frame_size")
            .Size<xsk_socket_config>("struct xsk_socket_config")
            .Field<xsk_socket_config>(nameof(xsk_socket_config.libxdp_flags), "struct xsk_socket_config", "libxdp_flags")
            .Field<xsk_socket_config>(nameof(xsk_socket_config.bind_flags), "struct xsk_socket_config", "bind_flags")
            .Size<bpf_insn>("struct bpf_insn")
            .Field<bpf_link_create_opts>(nameof(bpf_link_create_opts.flags), "struct bpf_link_create_opts", "flags")
            .Constant(XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD, "XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD")
            .Constant(BPF_MAP_TYPE_XSKMAP, "BPF_MAP_TYPE_XSKMAP").Constant(BPF_PROG_TYPE_XDP, "BPF_PROG_TYPE_XDP").Constant(BPF_XDP, "BPF_XDP")
            .Constant(BPF_FUNC_redirect_map, "BPF_FUNC_redirect_map").Constant(XDP_PASS, "XDP_PASS")
            .Constant(XdpProgram.QueueOfFrame, "offsetof(struct xdp_md, rx_queue_index)");
        foreach (string ring in (string[])["struct xsk_ring_prod", "struct xsk_ring_cons"])
        {
            source.Size<xsk_ring>(ring)
                .Field<xsk_ring>(nameof(xsk_ring.size), ring, "size")
                .Field<xsk_ring>(nameof(xsk_ring.producer), ring, "producer")
                .Field<xsk_ring>(nameof(xsk_ring.consumer), ring, "consumer")
                .Field<xsk_ring>(nameof(xsk_ring.ring), ring, "ring")
                .Field<xsk_ring>(nameof(xsk_ring.flags), ring, "flags");
        }
        Assert.Equal("", source.Complaints());
    }

    [Fact]
    public void StructuresAreThoseOfTheKernelsHeaders()
    {
        var source = new CLayout("sys/socket.h", "linux/if_xdp.h", "linux/if_link.h", "linux/if_packet.h")
            .Size<xdp_statistics>("struct xdp_statistics")
            .Field<xdp_statistics>(nameof(xdp_statistics.rx_ring_full), "struct xdp_statistics", "rx_ring_full")
            .Field<xdp_statistics>(nameof(xdp_statistics.rx_fill_ring_empty_descs), "struct xdp_statistics", "rx_fill_ring_empty_descs")
            .Size<packet_mreq>("struct packet_mreq")
            .Size<XdpDescriptor>("struct xdp_desc")
            .Field<XdpDescriptor>(nameof(XdpDescriptor.Address), "struct xdp_desc", "addr")
            .Field<XdpDescriptor>(nameof(XdpDescriptor.Length), "struct xdp_desc", "len")
            .Field<XdpDescriptor>(nameof(XdpDescriptor.Options), "struct xdp_desc", "options")
            .Constant(XDP_STATISTICS, "XDP_STATISTICS").Constant(XDP_OPTIONS, "XDP_OPTIONS").Constant(XDP_OPTIONS_ZEROCOPY, "XDP_OPTIONS_ZEROCOPY")
            .Constant(XDP_COPY, "XDP_COPY").Constant(XDP_ZEROCOPY, "XDP_ZEROCOPY").Constant(XDP_USE_NEED_WAKEUP, "XDP_USE_NEED_WAKEUP")
            .Constant(XDP_RING_NEED_WAKEUP, "XDP_RING_NEED_WAKEUP").Constant(XDP_FLAGS_SKB_MODE, "XDP_FLAGS_SKB_MODE")
            .Constant(XDP_FLAGS_DRV_MODE, "XDP_FLAGS_DRV_MODE")
            .Constant(SOL_XDP, "SOL_XDP").Constant(SO_BUSY_POLL, "SO_BUSY_POLL").Constant(SO_PREFER_BUSY_POLL, "SO_PREFER_BUSY_POLL")
            .Constant(SO_BUSY_POLL_BUDGET, "SO_BUSY_POLL_BUDGET").Constant(SO_SNDBUFFORCE, "SO_SNDBUFFORCE").Constant(AF_PACKET, "AF_PACKET")
            .Constant(SOL_PACKET, "SOL_PACKET").Constant(PACKET_ADD_MEMBERSHIP, "PACKET_ADD_MEMBERSHIP")
            .Constant(PACKET_MR_PROMISC, "PACKET_MR_PROMISC");
        Assert.Equal("", source.Complaints());
    }

    [Fact]
    public void FindsWhichLibraryIsMissing()
    {
        Assert.Null(XdpLibraries.Missing(_ => true));
        Assert.Equal("libbpf.so.1", XdpLibraries.Missing(_ => false));
        Assert.Equal("libxdp.so.1", XdpLibraries.Missing(name => name.StartsWith("libbpf", StringComparison.Ordinal)));
    }
}
