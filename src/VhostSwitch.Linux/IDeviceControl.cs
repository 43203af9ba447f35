namespace VhostSwitch.Linux;

/// <summary>Opening and controlling device files (<c>open(2)</c>, <c>ioctl(2)</c>): what tests put a recorder in the place of.</summary>
public interface IDeviceControl
{
    /// <summary>Opens a device for reading and writing.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="nonBlocking">True where reads and writes must not wait.</param>
    /// <exception cref="LinuxException">The kernel refuses it.</exception>
    FileDescriptor Open(string path, bool nonBlocking);

    /// <summary>Makes a request whose argument is a structure.</summary>
    /// <param name="device">The device.</param>
    /// <param name="request">The request's number.</param>
    /// <param name="argument">The structure; answers are in the same place.</param>
    /// <returns>0, or the error number.</returns>
    int Control(FileDescriptor device, nuint request, Span<byte> argument);

    /// <summary>Makes a request whose argument is a number or nothing.</summary>
    /// <param name="device">The device.</param>
    /// <param name="request">The request's number.</param>
    /// <param name="argument">The number.</param>
    /// <returns>0, or the error number.</returns>
    int Control(FileDescriptor device, nuint request, nint argument = 0);
}
