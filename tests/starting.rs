//! How Koi starts and ends, as an operator meets it: the executable, signals, what it says.

#[path = "common/folder.rs"]
mod folder;
#[path = "starting/koi.rs"]
mod koi;

#[path = "starting/background.rs"]
mod background;
#[path = "starting/ending.rs"]
mod ending;
#[path = "starting/here.rs"]
mod here;
#[path = "starting/privileges.rs"]
mod privileges;
#[path = "starting/refusing.rs"]
mod refusing;
#[path = "starting/serving.rs"]
mod serving;
