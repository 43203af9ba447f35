using System.Runtime.InteropServices;

namespace VhostSwitch.Linux;

/// <summary>The libraries that AF_XDP sockets are made with, which a system may lack.</summary>
public static class XdpLibraries
{
    /// <summary>The file names of the libraries, each behind those that it needs.</summary>
    public static readonly IReadOnlyList<string> Names = [LibXdp.Bpf, LibXdp.Xdp];

    /// <summary>Looks for the first of the libraries that cannot be loaded.</summary>
    /// <param name="loads">True for the name of a library that can be loaded; null to ask the system.</param>
    /// <returns>Its file name; null where all are there.</returns>
    public static string? Missing(Func<string, bool>? loads = null) => Names.FirstOrDefault(name => !(loads ?? Loads)(name));

    private static bool Loads(string name)
    {
        if (!NativeLibrary.TryLoad(name, typeof(XdpLibraries).Assembly, null, out _)) return false;
        // What goes wrong is said by whoever made the call, in one sentence, and not by the library on the standard error.
        if (name == LibXdp.Xdp) LibXdp.libxdp_set_print(0);
        else LibXdp.libbpf_set_print(0);
        return true;
    }
}
