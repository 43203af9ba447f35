namespace VhostSwitch.Linux;

/// <summary>The kernel's <c>SIOCETHTOOL</c>: questions and orders to the driver of an interface, as structures of <c>linux/ethtool.h</c>.</summary>
public interface IEthtool
{
    /// <summary>Hands a structure to the driver, which answers in the same place.</summary>
    /// <param name="interfaceName">The interface.</param>
    /// <param name="command">The structure; begins with the command's number.</param>
    /// <returns>0, or the error number.</returns>
    int Exchange(string interfaceName, Span<byte> command);
}
