package quota

// Numbers and layouts of linux/dqblk_xfs.h and linux/fs.h.
const (
	cmdOn      = 'X'<<8 + 1 // Q_XQUOTAON
	cmdGet     = 'X'<<8 + 3 // Q_XGETQUOTA
	cmdSet     = 'X'<<8 + 4 // Q_XSETQLIM
	cmdState   = 'X'<<8 + 8 // Q_XGETQSTATV
	cmdGetNext = 'X'<<8 + 9 // Q_XGETNEXTQUOTA

	projectType  = 2      // PRJQUOTA
	projectQuota = 1 << 1 // FS_PROJ_QUOTA
	quotaVersion = 1      // FS_DQUOT_VERSION
	stateVersion = 1      // FS_QSTATV_VERSION1
	fieldSoft    = 1 << 2 // FS_DQ_BSOFT
	fieldHard    = 1 << 3 // FS_DQ_BHARD
	accounted    = 1 << 4 // FS_QUOTA_PDQ_ACCT
	enforced     = 1 << 5 // FS_QUOTA_PDQ_ENFD

	getAttributes = 0x801c581f // FS_IOC_FSGETXATTR
	setAttributes = 0x401c5820 // FS_IOC_FSSETXATTR
	inherit       = 0x200      // FS_XFLAG_PROJINHERIT
)

// diskQuota is struct fs_disk_quota.
type diskQuota struct {
	version              int8
	flags                int8
	fields               uint16
	id                   uint32
	hard, soft           uint64
	hardFiles, softFiles uint64
	used, files          uint64
	_                    [2]int32
	_                    [2]uint16
	_                    [4]int8
	_                    [3]uint64
	_                    int32
	_                    uint16
	_                    int16
	_                    [8]byte
}

// quotaState is struct fs_quota_statv.
type quotaState struct {
	version int8
	_       uint8
	flags   uint16
	_       uint32
	_       [3][3]uint64 // three of fs_qfilestatv
	_       [3]int32
	_       [4]uint16
	_       uint32
	_       [7]uint64
}

// attributes is struct fsxattr.
type attributes struct {
	flags   uint32
	_       [2]uint32
	project uint32
	_       uint32
	_       [8]byte
}
