using System.Text;

namespace VhostSwitch.Linux;

/// <summary>What a path names.</summary>
public enum PathKind
{
    /// <summary>Nothing.</summary>
    Missing,

    /// <summary>A socket, served or not.</summary>
    Socket,

    /// <summary>A character device.</summary>
    CharacterDevice,

    /// <summary>Anything else.</summary>
    Other,
}

/// <summary>Looks at files that are no regular ones.</summary>
public static unsafe class DeviceFile
{
    /// <summary>The major number of the kernel's miscellaneous devices, <c>/dev/vhost-net</c> among them.</summary>
    public const uint MiscMajor = 10;

    /// <summary>What a path names. Links are followed.</summary>
    /// <param name="path">The path.</param>
    /// <param name="major">The major number of a character device.</param>
    public static PathKind KindOf(string path, out uint major)
    {
        const int AtFdCwd = -100, StatxSize = 256, ModeOffset = 28, MajorOffset = 128;
        const uint StatxType = 1;
        const ushort TypeMask = 0xf000, Socket = 0xc000, Character = 0x2000;
        byte* buffer = stackalloc byte[StatxSize];
        major = 0;
        fixed (byte* name = Encoding.UTF8.GetBytes(path + '\0'))
        {
            if (Libc.statx(AtFdCwd, name, 0, StatxType, buffer) != 0) return PathKind.Missing;
        }
        switch (*(ushort*)(buffer + ModeOffset) & TypeMask)
        {
            case Socket:
                return PathKind.Socket;
            case Character:
                major = *(uint*)(buffer + MajorOffset);
                return PathKind.CharacterDevice;
            default:
                return PathKind.Other;
        }
    }
}
